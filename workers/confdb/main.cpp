// motet-confdb: configuration, statistics, notifications. Started by motet with its control socket as descriptor 3, never by
// hand.
#include "workers/confdb/engine.h"

int main(int argc, char** argv) {
    using namespace motet;
    return worker::run(
        argc, argv,
        {
            .name = "confdb",
            .user = "motet-confdb",
            .make_engine = [](const worker::Settings& settings, worker::Host& host) -> std::unique_ptr<worker::Engine> {
                return std::make_unique<confdb::Engine>(settings, host);
            },
        });
}
