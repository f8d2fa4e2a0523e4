// motet-sam: the availability manager. Started by motet with its control socket as descriptor 3, never by hand.
#include <fcntl.h>

#include "workers/sam/engine.h"

int main(int argc, char** argv) {
    using namespace motet;
    // The sandbox has no paths: what is read later is opened now.
    const sam::Files files{.meminfo = open("/proc/meminfo", O_RDONLY | O_CLOEXEC), .loadavg = open("/proc/loadavg", O_RDONLY | O_CLOEXEC)};
    return worker::run(argc, argv,
                       {
                           .name = "sam",
                           .user = "motet-sam",
                           .make_engine = [files](const worker::Settings& settings, worker::Host& host) -> std::unique_ptr<worker::Engine> {
                               return std::make_unique<sam::SamEngine>(settings, host, files);
                           },
                       });
}
