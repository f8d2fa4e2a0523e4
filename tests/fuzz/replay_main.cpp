// Runs files, and all files below directories, through a fuzz target without a fuzzer. Files named *.hex are
// read as hexadecimal text, so the golden vectors serve as they are.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/vectors/load.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

void replay(const fs::path& file) {
    const std::string text = motet::test::read_text(file);
    const motet::ByteView raw = motet::as_bytes(text);
    const motet::Bytes bytes =
        file.extension() == ".hex" ? motet::test::from_hex(text) : motet::Bytes(raw.begin(), raw.end());
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t files = 0;
    for (int i = 1; i < argc; ++i) {
        if (!fs::is_directory(argv[i])) {
            replay(argv[i]);
            ++files;
            continue;
        }
        for (const fs::directory_entry& entry : fs::recursive_directory_iterator(argv[i])) {
            if (!entry.is_regular_file()) continue;
            replay(entry.path());
            ++files;
        }
    }
    std::printf("%zu inputs replayed\n", files);
    return files == 0;
}
