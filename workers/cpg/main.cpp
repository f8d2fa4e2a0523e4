// motet-cpg: closed process groups. Started by motet with its control socket as descriptor 3, never by hand.
#include "workers/cpg/engine.h"

int main(int argc, char** argv) {
    using namespace motet;
    return worker::run(
        argc, argv,
        {
            .name = "cpg",
            .user = "motet-cpg",
            .make_engine = [](const worker::Settings& settings, worker::Host& host) -> std::unique_ptr<worker::Engine> {
                return std::make_unique<cpg::CpgEngine>(settings.self, host);
            },
        });
}
