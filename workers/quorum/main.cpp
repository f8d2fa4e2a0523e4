// motet-quorum: quorum and votequorum. Started by motet with its control socket as descriptor 3, never by hand.
#include "workers/quorum/engine.h"

int main(int argc, char** argv) {
    using namespace motet;
    return worker::run(
        argc, argv,
        {
            .name = "quorum",
            .user = "motet-quorum",
            .make_engine = [](const worker::Settings& settings, worker::Host& host) -> std::unique_ptr<worker::Engine> {
                return std::make_unique<quorum::QuorumEngine>(settings, host);
            },
        });
}
