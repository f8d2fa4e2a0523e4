// motetctl sam ...: the applications under supervision on this node, orders to them, and running a program that knows nothing
// of supervision.
#pragma once

namespace motet::ctl {

// True if the first word of the command line that is not an option is "sam".
bool is_sam_command(int argc, char** argv);
// The whole command line; what main() returns.
int sam_command(int argc, char** argv);

}  // namespace motet::ctl
