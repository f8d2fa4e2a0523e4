// Without libquorum: as Corosync's library answers where no daemon runs.
#include "libs/client/sam/quorum.h"

namespace motet::client::sam {

cs_error_t Quorum::open() { return CS_ERR_LIBRARY; }
bool Quorum::quorate() const { return false; }
void Quorum::look(Instant) {}
void Quorum::close() {}
void Quorum::forget() {}

}  // namespace motet::client::sam
