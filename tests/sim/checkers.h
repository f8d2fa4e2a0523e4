// What can only be judged with the whole history at hand: comparisons between processes, nodes and rings.
#pragma once
#include "tests/sim/history.h"

namespace motet::sim {

void check_delivery(History& h);   // B4, B5, A1, A2, A6
void check_order(History& h);      // O1, O2: one acyclic order of all messages
void check_pairs(History& h);      // O3, O4, O5, O7, V6, S1, S2, S3, S4, A3, A5, B8: processes of one ring, two by two
void check_views(History& h);      // V5, V9, V10, S5: what processes hold when a ring is announced

void check_all(History& h);

}  // namespace motet::sim
