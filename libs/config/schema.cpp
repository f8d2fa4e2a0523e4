// The table of keys, and the few functions that read it.
#include "libs/config/schema.h"

#include <algorithm>
#include <array>
#include <vector>

namespace motet::config {
namespace {

constexpr std::uint64_t kU8 = 255, kU16 = 65535, kU32 = 4294967295u, kU64 = UINT64_MAX;
constexpr std::uint64_t kI32 = 2147483647;   // i32: -max - 1 is accepted too
constexpr std::uint64_t kDayMs = 86'400'000;  // no timer of a cluster is longer than a day
using enum Type;
constexpr auto L = Reload::live, R = Reload::reload, N = Reload::never, S = Reload::restart, X = Reload::none;
constexpr std::string_view kYesNo = "yes no", kOnOff = "on off", kPriorities = "emerg alert crit err warning notice info debug";

constexpr Section kSections[] = {
    {"", "", false, "Keys outside every section."},
    {"totem", "totem", false, "The ring: who may speak, how, and how long to wait for whom."},
    {"totem.interface", "totem.interface", true, "Tuning of one link, found by its number. Links themselves come from the addresses in the nodelist."},
    {"totem.interface.member", "totem.interface.member", true, "Member addresses as old udpu files listed them."},
    {"nodelist.node", "nodelist", true, "The nodes of the cluster, in the same order on every node."},
    {"quorum", "quorum", false, "Votes, and when a part of the cluster may go on alone."},
    {"quorum.device", "quorum.device", false, "A quorum device."},
    {"quorum.device.net", "quorum.device.net", false, "Settings read by the quorum device of model net."},
    {"quorum.device.heuristics", "quorum.device.heuristics", false, "Settings read by the quorum device."},
    {"logging", "logging", false, "Where log lines go and how many."},
    {"logging.logger_subsys", "logging.logger_subsys", true, "The same for one subsystem only."},
    {"system", "system", false, "How the processes run."},
    {"uidgid", "uidgid", true, "Users and groups that may connect beside root. Files in uidgid.d/ beside the configuration may add more."},
    {"resources", "resources", false, "The hardware watchdog."},
    {"resources.system.memory_used", "resources.system.memory_used", false, "Monitoring of memory in use."},
    {"resources.system.load_15min", "resources.system.load_15min", false, "Monitoring of the load average."},
    {"nozzle", "nozzle", false, "A virtual network interface over the cluster's links."},
    {"pload", "pload", false, "The load generator of Corosync's test suite."},
    {"services", "services", true, "Services of others, each a program that is started and confined like Motet's own workers; see motet-service(7)."},
    {"workers", "workers", false, "The processes that serve clients; Motet's own."},
    {"sam", "sam", false, "Applications under libsam; Motet's own."},
    {"ipc", "ipc", false, "Limits of client connections; Motet's own."},
    {"metrics", "metrics", false, "Metrics for Prometheus over HTTP; Motet's own."},
};

constexpr std::string_view kTotem = "totem", kLink = "totem.interface", kNode = "nodelist.node", kQuorum = "quorum", kDevice = "quorum.device",
    kNet = "quorum.device.net", kHeuristics = "quorum.device.heuristics", kLogging = "logging", kSubsys = "logging.logger_subsys",
    kSystem = "system", kResources = "resources", kMemory = "resources.system.memory_used", kLoad = "resources.system.load_15min";

constexpr Key kKeys[] = {
    {"", "allow_unencrypted", word, kYesNo, 0, 0, "no", N, 0, "Whether the cluster may run without encryption and authentication: udp and udpu have neither and need yes, knet needs it with crypto_cipher none."},

    {kTotem, "version", u32, "", 2, 2, "", N, kRequired, "Version of this format."},
    {kTotem, "cluster_name", text, "", 0, 0, "", N, 0, "Name of the cluster; with udp the multicast address is derived from it."},
    {kTotem, "transport", word, "knet udpu udp rdma iba", 0, 0, "knet", N, 0, "What carries the ring: knet (encrypted, several links), udpu (UDP unicast), udp (UDP multicast), or rdma (InfiniBand and RoCE, encrypted; also called iba)."},
    {kTotem, "config_version", u64, "", 0, kU64, "0", R, 0, "Version of the configuration; a node that comes with a lower one than the ring has does not join."},
    {kTotem, "nodeid", u32, "", 1, kU32, "", N, kInert, "Id of the local node in old files without a nodelist."},
    {kTotem, "clear_node_high_bit", word, kYesNo, 0, 0, "no", S, 0, "Clears the top bit of node ids derived from addresses."},
    {kTotem, "crypto_cipher", word, "none aes256 aes192 aes128", 0, 0, "", R, kKnetOnly, "Encryption of the traffic; needs knet and a crypto_hash. By default aes256 in motet.yaml, none in corosync.conf."},
    {kTotem, "crypto_hash", word, "none md5 sha1 sha256 sha384 sha512", 0, 0, "", R, kKnetOnly, "Authentication of the traffic; needs knet. By default sha256 in motet.yaml, none in corosync.conf."},
    {kTotem, "crypto_model", word, "nss openssl", 0, 0, "nss", R, kKnetOnly, "Library that does the cryptography."},
    {kTotem, "secauth", word, kOnOff, 0, 0, "off", R, kLenient | kKnetOnly, "on is short for crypto_cipher aes256 and crypto_hash sha256."},
    {kTotem, "keyfile", text, "", 0, 0, "", R, kKnetOnly, "File with the cluster's key, 128 to 4096 bytes, made with corosync-keygen; by default authkey beside motet.yaml, with corosync.conf /etc/corosync/authkey."},
    {kTotem, "key", text, "", 0, 0, "", R, kKnetOnly, "The key itself, 128 to 4096 bytes; readable by every client, so prefer keyfile."},
    {kTotem, "link_mode", word, "passive active rr", 0, 0, "passive", S, kKnetOnly, "Use of several links: best one, all at once, in turn."},
    {kTotem, "ip_version", word, "ipv4 ipv6 ipv4-6 ipv6-4", 0, 0, "", N, 0, "Family of addresses when names are looked up; by default ipv4 with udp, else ipv6-4: IPv6 before IPv4."},
    {kTotem, "rdma_multicast", word, "auto yes no", 0, 0, "auto", S, kRdmaOnly, "Multicast by the fabric: auto uses it while every node hears it and sends to each node otherwise, yes sends nothing to all without it, no never uses it."},
    {kTotem, "rdma_mtu", u32, "bytes", 0, 4096, "0", S, kRdmaOnly, "Largest datagram; 0 is the device's own, on InfiniBand at most 2048."},
    {kTotem, "rdma_recv_depth", u32, "buffers", 64, 16384, "1024", S, kRdmaOnly, "Buffers for received datagrams; one that finds none is lost."},
    {kTotem, "rdma_send_depth", u32, "requests", 0, 4096, "0", S, kRdmaOnly, "Sends that may be under way; 0 derives it from the number of nodes."},
    {kTotem, "rdma_poll_us", u32, "us", 0, 10000, "0", S, kRdmaOnly, "After each datagram the next one is waited for without sleeping for so long, for shorter round trips at the price of a processor; 0 is never."},
    {kTotem, "netmtu", u32, "bytes", 512, 65536, "", N, kZeroUnset, "Largest frame; by default 1500 with udp and udpu, 65536 with knet."},
    {kTotem, "token", u32, "ms", 0, kDayMs, "3000", L, kZeroUnset, "Time without a token after which the ring is formed anew; token_coefficient is added for every node after the second, and the sum is at least 30."},
    {kTotem, "token_coefficient", u32, "ms", 0, kDayMs, "650", L, 0, "Added to token for every node after the second."},
    {kTotem, "token_warning", u32, "%", 0, 100, "75", L, kLater, "Part of the token time after which a late token is logged; 0 never."},
    {kTotem, "token_retransmit", u32, "ms", 30, kDayMs, "", L, kZeroUnset, "Time after which an unanswered token is sent again; by default derived from token and token_retransmits_before_loss_const."},
    {kTotem, "token_retransmits_before_loss_const", u32, "", 1, 1000, "4", L, kZeroUnset, "Number of times the token is sent again before it counts as lost."},
    {kTotem, "hold", u32, "ms", 14, kDayMs, "", L, kZeroUnset, "Time an idle ring keeps the token at one node; by default derived from token_retransmit."},
    {kTotem, "join", u32, "ms", 30, kDayMs, "50", L, kZeroUnset, "Time between two join messages while a ring is formed."},
    {kTotem, "send_join", u32, "ms", 0, kDayMs, "0", L, 0, "Upper bound of a random delay before a join message, for large clusters."},
    {kTotem, "consensus", u32, "ms", 30, kDayMs, "", L, kZeroUnset, "Time to agree on a membership before unresponsive nodes are left out; by default 1.2 times token, never less than join."},
    {kTotem, "merge", u32, "ms", 30, kDayMs, "200", L, kZeroUnset, "Idle time after which a ring looks for other rings."},
    {kTotem, "downcheck", u32, "ms", 30, kDayMs, "1000", L, kZeroUnset | kLater, "Time between two looks at an interface that is down."},
    {kTotem, "fail_recv_const", u32, "rotations", 1, kU32, "2500", L, kZeroUnset, "Rotations of the token without progress before a new membership is formed."},
    {kTotem, "seqno_unchanged_const", u32, "rotations", 1, kU32, "30", L, kZeroUnset, "Rotations without a message before the token is held; not set, a ring of Motet nodes alone holds it after three."},
    {kTotem, "heartbeat_failures_allowed", u32, "", 0, 1000, "0", L, 0, "Missed heartbeats before the token counts as lost; 0 switches the heartbeat off."},
    {kTotem, "max_network_delay", u32, "ms", 30, kDayMs, "50", L, kZeroUnset, "Longest expected delay of the network; used by the heartbeat."},
    {kTotem, "window_size", u32, "messages", 1, 16382, "50", L, kZeroUnset, "Messages all nodes together may send in one rotation of the token. Unset, with max_messages unset: up to eight times as many in a ring of Motet nodes only."},
    {kTotem, "max_messages", u32, "messages", 1, 16382, "17", L, kZeroUnset, "Messages one node may send at one visit of the token."},
    {kTotem, "miss_count_const", u32, "visits", 1, kU32, "5", L, kZeroUnset, "Visits of the token before a missing message is asked for."},
    {kTotem, "knet_pmtud_interval", u32, "s", 0, kU32, "30", L, kZeroUnset | kKnetOnly, "Time between two measurements of the path's largest packet."},
    {kTotem, "knet_mtu", u32, "bytes", 0, 65536, "0", L, kKnetOnly, "Fixed packet size; 0 measures it."},
    {kTotem, "knet_compression_model", word, "none zlib lz4 lz4hc lzo2 lzma bzip2 zstd", 0, 0, "none", S, kKnetOnly, "Compression of the traffic."},
    {kTotem, "knet_compression_threshold", u32, "bytes", 0, kU32, "0", S, kKnetOnly, "Packets below this size are not compressed; 0 stands for 100."},
    {kTotem, "knet_compression_level", i32, "", 0, kI32, "0", S, kKnetOnly, "Effort of the compression, as its model counts it."},
    {kTotem, "block_unlisted_ips", word, kYesNo, 0, 0, "yes", L, kLenient, "Whether packets from addresses outside the nodelist are dropped."},
    {kTotem, "cancel_token_hold_on_retransmit", word, kYesNo, 0, 0, "no", L, kLenient, "Whether a request for a lost message ends the holding of the token."},
    {kTotem, "threads", u32, "", 0, kU32, "", N, kInert, "Number of threads in files of Corosync 2."},
    {kTotem, "rrp_mode", text, "", 0, 0, "", N, kInert, "Redundant ring mode of Corosync 2; read by dlm."},
    {kTotem, "rrp_<name>", u32, "", 0, kU32, "", N, kInert, "Redundant ring timers of Corosync 2."},

    {kLink, "linknumber", u8, "", 0, 7, "0", X, 0, "Number of the link this item tunes."},
    {kLink, "bindnetaddr", text, "", 0, 0, "", N, kInert, "Network to bind to in old udp files; the nodelist decides."},
    {kLink, "mcastaddr", text, "", 0, 0, "", N, 0, "Multicast address of udp; by default 239.192.x.y derived from cluster_name."},
    {kLink, "broadcast", word, kYesNo, 0, 0, "no", N, 0, "udp: send to 255.255.255.255 instead of a multicast address."},
    {kLink, "mcastport", u16, "", 1, kU16, "", N, 0, "UDP port, the same on all nodes; by default 5405 plus the link number. udp sends from the port below it."},
    {kLink, "ttl", u8, "hops", 1, kU8, "1", N, 0, "udp: how many routers a multicast may pass."},
    {kLink, "knet_link_priority", u8, "", 0, kU8, "1", R, kKnetOnly, "Priority of the link in link_mode passive; the highest one that is up carries the traffic."},
    {kLink, "knet_ping_interval", u32, "ms", 0, kDayMs, "", R, kZeroUnset | kKnetOnly, "Time between two pings; by default token / (2 * knet_pong_count)."},
    {kLink, "knet_ping_timeout", u32, "ms", 0, kDayMs, "", R, kZeroUnset | kKnetOnly, "Time without an answer after which the link is down; by default token / knet_pong_count."},
    {kLink, "knet_ping_precision", u32, "samples", 0, kU32, "2048", R, kZeroUnset | kKnetOnly, "Samples in the average of the latency."},
    {kLink, "knet_pong_count", u32, "", 0, kU32, "2", R, kZeroUnset | kKnetOnly, "Answers needed before a link is up."},
    {kLink, "knet_transport", word, "udp sctp", 0, 0, "udp", R, kKnetOnly, "Protocol of the link; sctp is refused."},
    {"totem.interface.member", "memberaddr", text, "", 0, 0, "", N, kInert, "Address of one member in files of Corosync 1."},

    {kNode, "nodeid", u32, "", 0, kU32, "", R, kZeroUnset, "Id of the node, unique; at most 65535 with knet. udp and udpu derive it from an IPv4 address when it is absent."},
    {kNode, "name", text, "", 0, 0, "", R, 0, "Name of the node, unique; a node finds itself by its host name, else by its address."},
    {kNode, "ring<n>_addr", text, "", 0, 0, "", R, 0, "Address or host name of the node on link 0 to 7; ring0_addr is needed, further links need knet."},
    {kNode, "quorum_votes", u32, "votes", 0, 65535, "1", L, 0, "Votes of the node."},
    {kNode, "datacenterid", u32, "", 0, kU32, "", R, kInert, "Data centre of the node, for quorum devices."},

    {kQuorum, "provider", word, "corosync_votequorum majority all", 0, 0, "", N, 0, "Who decides about quorum: votes, or the node list alone (more than half of it, or all); without it every node may always act."},
    {kQuorum, "expected_votes", u32, "votes", 0, kU32, "", L, kZeroUnset, "Votes of a complete cluster; by default the sum of the nodelist."},
    {kQuorum, "votes", u32, "votes", 0, kU32, "1", L, kInert, "Votes of the local node in old files without a nodelist."},
    {kQuorum, "two_node", u8, "", 0, 1, "0", L, 0, "Lets one of exactly two nodes go on alone; implies wait_for_all."},
    {kQuorum, "wait_for_all", u8, "", 0, 1, "", S, 0, "After a full stop no quorum until all nodes were seen once; by default 1 with two_node and with last_man_standing."},
    {kQuorum, "last_man_standing", u8, "", 0, 1, "0", S, 0, "Lowers the expected votes step by step while nodes leave; needs one vote per node."},
    {kQuorum, "last_man_standing_window", u32, "ms", 0, kDayMs, "10000", S, kZeroUnset, "Time between two such steps."},
    {kQuorum, "auto_tie_breaker", u8, "", 0, 1, "0", S, 0, "Lets one half of an evenly split cluster go on."},
    {kQuorum, "auto_tie_breaker_node", text, "", 0, 0, "lowest", S, 0, "Which half: the one with the lowest id, the highest, or the first of a list of ids that is there."},
    {kQuorum, "allow_downscale", u8, "", 0, 1, "0", S, 0, "Lowers the expected votes when a node leaves in order; switches expected_votes_tracking on."},
    {kQuorum, "expected_votes_tracking", u8, "", 0, 1, "0", S, 0, "Remembers the highest expected votes ever seen."},
    {kQuorum, "leaving_timeout", u32, "ms", 0, kDayMs, "10000", X, kInert, "Read from old files, without effect in Corosync too."},
    {kDevice, "model", word, "net", 0, 0, "", L, 0, "Kind of the quorum device; without it this section is ignored."},
    {kDevice, "votes", u32, "votes", 0, kU32, "", L, 0, "Votes of the device; by default nodes - 1 when every node has one vote."},
    {kDevice, "timeout", u32, "ms", 0, kDayMs, "10000", L, kZeroUnset, "Time without a vote of the device after which it counts as gone."},
    {kDevice, "sync_timeout", u32, "ms", 0, kDayMs, "30000", L, kZeroUnset, "The same while a membership is formed."},
    {kDevice, "master_wins", u8, "", 0, 1, "0", L, 0, "Lets the part with the device go on with its vote alone."},
    {kNet, "tls", word, "on off required", 0, 0, "on", L, 0, "Use of TLS towards the device's server."},
    {kNet, "host", text, "", 0, 0, "", L, 0, "Address of the device's server."},
    {kNet, "port", u16, "", 1, kU16, "5403", L, 0, "TCP port of the device's server."},
    {kNet, "algorithm", text, "", 0, 0, "", L, 0, "How the server decides."},
    {kNet, "tie_breaker", text, "", 0, 0, "lowest", L, 0, "Which half wins: lowest, highest, or a node id."},
    {kNet, "connect_timeout", u32, "ms", 0, kDayMs, "", L, 0, "Time to wait for the server."},
    {kNet, "force_ip_version", word, "0 4 6", 0, 0, "0", L, 0, "Family of the server's address, 0 for any."},
    {kNet, "keep_active_partition_tie_breaker", word, kOnOff, 0, 0, "off", L, 0, "Prefers the half that was active before."},
    {kHeuristics, "mode", word, "on sync off", 0, 0, "off", L, 0, "When the commands are run."},
    {kHeuristics, "timeout", u32, "ms", 0, kDayMs, "", L, 0, "Time all commands together may take."},
    {kHeuristics, "sync_timeout", u32, "ms", 0, kDayMs, "", L, 0, "The same while a membership is formed."},
    {kHeuristics, "interval", u32, "ms", 0, kDayMs, "", L, 0, "Time between two runs in mode on."},
    {kHeuristics, "exec_<name>", text, "", 0, 0, "", L, 0, "One command; all of them must succeed."},

    {kLogging, "to_stderr", word, kYesNo, 0, 0, "yes", L, 0, "Log lines go to standard error while motet stays in the foreground."},
    {kLogging, "to_syslog", word, kYesNo, 0, 0, "yes", L, 0, "Log lines go to the system log; in the foreground only when this is written."},
    {kLogging, "to_logfile", word, kYesNo, 0, 0, "no", L, 0, "Log lines go to logfile."},
    {kLogging, "logfile", text, "", 0, 0, "", L, 0, "Path of the log file."},
    {kLogging, "logfile_priority", word, kPriorities, 0, 0, "info", L, 0, "Least important lines that go to logfile, of those that debug and --log-level let pass."},
    {kLogging, "syslog_priority", word, kPriorities, 0, 0, "info", L, 0, "Least important lines that go to the system log."},
    {kLogging, "syslog_facility", word, "daemon local0 local1 local2 local3 local4 local5 local6 local7 auth authpriv cron ftp kern lpr mail news syslog user uucp",
     0, 0, "daemon", L, 0, "Facility in the system log."},
    {kLogging, "debug", word, "on off trace", 0, 0, "off", L, 0, "Debug lines too; trace for still more."},
    {kLogging, "timestamp", word, "on off hires", 0, 0, "hires", L, 0, "Time in front of a line: seconds, none, milliseconds."},
    {kLogging, "fileline", word, kOnOff, 0, 0, "off", L, kLater, "File and line of the source in every log line."},
    {kLogging, "function_name", word, kOnOff, 0, 0, "off", L, kLater, "Function of the source in every log line."},
    {kLogging, "blackbox", word, kOnOff, 0, 0, "on", L, kLater, "Keeps a flight recorder in memory."},
    {kLogging, "to_file", word, kYesNo, 0, 0, "", L, kOldName, "Old name of to_logfile."},
    {kLogging, "syslog_level", word, kPriorities, 0, 0, "", L, kOldName, "Old name of syslog_priority."},
    {kSubsys, "subsys", text, "", 0, 0, "", L, kRequired, "Name of the subsystem: MAIN, TOTEM, KNET, SERV, CFG, CPG, QUORUM, VOTEQ, CMAP, MON, WD, YKD, QB, LOG, ICMAP or QDEVICE."},
    {kSubsys, "to_stderr", word, kYesNo, 0, 0, "", L, kLater, "As logging.to_stderr."},
    {kSubsys, "to_syslog", word, kYesNo, 0, 0, "", L, kLater, "As logging.to_syslog."},
    {kSubsys, "to_logfile", word, kYesNo, 0, 0, "", L, kLater, "As logging.to_logfile."},
    {kSubsys, "logfile", text, "", 0, 0, "", L, kLater, "As logging.logfile."},
    {kSubsys, "logfile_priority", word, kPriorities, 0, 0, "", L, 0, "As logging.logfile_priority."},
    {kSubsys, "syslog_priority", word, kPriorities, 0, 0, "", L, 0, "As logging.syslog_priority."},
    {kSubsys, "syslog_facility", word, "daemon local0 local1 local2 local3 local4 local5 local6 local7 auth authpriv cron ftp kern lpr mail news syslog user uucp",
     0, 0, "", L, kLater, "As logging.syslog_facility."},
    {kSubsys, "debug", word, "on off trace", 0, 0, "", L, 0, "As logging.debug, for the process that does the subsystem's work."},
    {kSubsys, "to_file", word, kYesNo, 0, 0, "", L, kOldName | kLater, "Old name of to_logfile."},
    {kSubsys, "syslog_level", word, kPriorities, 0, 0, "", L, kOldName, "Old name of syslog_priority."},

    {kSystem, "qb_ipc_type", word, "native shm socket", 0, 0, "native", N, kInert, "Kind of Corosync's client connections; Motet has one kind only."},
    {kSystem, "sched_rr", word, "auto yes no", 0, 0, "auto", N, 0, "Real-time scheduling of motet-membership: auto while the machine makes it wait for a processor and for a minute or more after that, yes always, no never."},
    {kSystem, "priority", text, "", 0, 0, "50", N, 0, "Its priority: max, min or a number from 1 to 99; with sched_rr no a nice value from -20 to 19, max being the best."},
    {kSystem, "move_to_root_cgroup", word, "yes no auto", 0, 0, "auto", N, kLater, "Moves the processes to the root control group when real-time scheduling needs it."},
    {kSystem, "allow_knet_handle_fallback", word, kYesNo, 0, 0, "no", N, kKnetOnly, "Accepts small socket buffers when the privilege for large ones is missing."},
    {kSystem, "state_dir", text, "", 0, 0, "", N, kLater, "Directory of the ring id and other state; by default /var/lib/motet. The option --state-dir wins."},

    {"uidgid", "uid", text, "", 0, 0, "", R, 0, "User, by name or number."},
    {"uidgid", "gid", text, "", 0, 0, "", R, 0, "Group, by name or number."},

    {kResources, "watchdog_device", text, "", 0, 0, "off", L, 0, "Watchdog device, or off."},
    {kResources, "watchdog_timeout", u32, "s", 2, 120, "6", L, 0, "Time after which the watchdog resets the machine."},
    {kMemory, "recovery", word, "none watchdog reboot shutdown", 0, 0, "none", L, 0, "What happens above max."},
    {kMemory, "max", text, "", 0, 0, "", L, 0, "Largest allowed value."},
    {kMemory, "poll_period", u64, "ms", 500, 120000, "3000", L, 0, "Time between two looks."},
    {kLoad, "recovery", word, "none watchdog reboot shutdown", 0, 0, "none", L, 0, "What happens above max."},
    {kLoad, "max", text, "", 0, 0, "", L, 0, "Largest allowed value."},
    {kLoad, "poll_period", u64, "ms", 500, 120000, "3000", L, 0, "Time between two looks."},

    {"nozzle", "name", text, "", 0, 0, "", R, kRefused, "Name of the interface."},
    {"nozzle", "ipaddr", text, "", 0, 0, "", R, kLater, "Network of the interface; the node id is added."},
    {"nozzle", "ipprefix", text, "", 0, 0, "", R, kLater, "Length of the network prefix."},
    {"nozzle", "macaddr", text, "", 0, 0, "", R, kLater, "Hardware address of the interface."},

    {"pload", "count", text, "", 0, 0, "1500000", X, kInert, "Number of test messages."},
    {"pload", "size", text, "", 0, 0, "300", X, kInert, "Size of a test message."},

    {"services", "name", text, "", 0, 0, "", S, kRequired, "Name of the service, in log and status and of its socket NAME.sock: lower-case letters, digits and -, at most 15."},
    {"services", "program", text, "", 0, 0, "", S, kRequired, "Absolute path of the program; root's, and writable by nobody else."},
    {"services", "id", u32, "", 32, 63, "", S, kRequired, "Number of the service in messages between nodes, the same on every node; not 40."},
    {"services", "user", text, "", 0, 0, "", S, 0, "User the program runs as when motet is started by root; by default motet- and the name."},

    {"workers", "spin_us", u32, "us", 0, 1000, "60", S, 0, "Time a busy worker, and membership on a node that is alone, looks for more work before it sleeps: lower latency for processor time."},

    {"sam", "restart_burst", u32, "restarts", 1, 100000, "10", S, 0, "Restarts of one application within restart_window that are free of delay."},
    {"sam", "restart_window", u32, "s", 1, 86400, "60", S, 0, "Time in which as many restarts as restart_burst are forgotten."},
    {"sam", "restart_delay_max", u32, "ms", 0, kDayMs, "30000", S, 0, "Longest pause before a restart beyond the burst; the first is 100 ms, each further one twice as long."},
    {"sam", "restarts_max", u32, "restarts", 0, 1000000, "0", S, 0, "Restarts within restart_window, in all, after which an application is given up; 0: never."},

    {"ipc", "connections_max", u32, "", 16, 4096, "4096", R, 0, "Client connections of one service; further ones are refused."},
    {"ipc", "connections_per_user_max", u32, "", 1, 4096, "256", R, 0, "Client connections of one user other than root, in one service."},
    {"ipc", "client_backlog_bytes", u64, "bytes", 65536, 1073741824, "16777216", S, kLater, "Events kept for a slow client beyond its ring; above it the client is cut off."},

    {"metrics", "listen", text, "", 0, 0, "", S, 0, "Where /metrics is served as OpenMetrics text: the path of a Unix socket or a loopback address and port, such as 127.0.0.1:9664; everybody on this node may read it. By default nowhere."},
};

// Digits for "<n>", one or more of anything for "<name>"; the marks stand at most once in a name.
bool matches(std::string_view pattern, std::string_view name) {
    const std::size_t open = pattern.find('<');
    if (open == pattern.npos) return pattern == name;
    const std::size_t close = pattern.find('>');
    const std::string_view head = pattern.substr(0, open), tail = pattern.substr(close + 1);
    if (name.size() <= head.size() + tail.size() || !name.starts_with(head) || !name.ends_with(tail)) return false;
    const std::string_view middle = name.substr(head.size(), name.size() - head.size() - tail.size());
    if (pattern.substr(open, close - open) == "<n") return middle.size() == 1 && middle[0] >= '0' && middle[0] <= '7';
    return true;
}

std::vector<std::string_view> words_of(std::string_view list) {
    std::vector<std::string_view> result;
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(' '), list.size());
        result.push_back(list.substr(0, end));
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return result;
}

bool holds_word(std::string_view list, std::string_view word) {
    const auto all = words_of(list);
    return std::find(all.begin(), all.end(), word) != all.end();
}

// Insertions, deletions, replacements and swaps of neighbours between two short names.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + cost});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a.size()][b.size()];
}

std::string joined(const std::vector<std::string_view>& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
        text += words[i];
    }
    return text;
}

std::string quoted(std::string_view value) {
    constexpr std::size_t kShownMax = 60;
    return "\"" + std::string(value.substr(0, kShownMax)) + (value.size() > kShownMax ? "...\"" : "\"");
}

Error wrong_value(const Key& key, std::string_view value) {
    return Error{"expected " + expectation(key) + ", found " + quoted(value)};
}

Result<std::string> number(const Key& key, std::string_view value) {
    const bool negative = key.type == i32 && value.starts_with('-');
    const std::string_view digits = negative ? value.substr(1) : value;
    if (digits.empty() || digits.size() > 20) return wrong_value(key, value);
    std::uint64_t n = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9') return wrong_value(key, value);
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (n > (UINT64_MAX - digit) / 10) return wrong_value(key, value);
        n = n * 10 + digit;
    }
    if (negative ? n > kI32 + 1 : n > key.max) return wrong_value(key, value);
    if (!negative && n < key.min && !(n == 0 && key.has(kZeroUnset))) return wrong_value(key, value);
    return (negative && n != 0 ? "-" : "") + std::to_string(n);
}

}  // namespace

std::span<const Key> keys() { return kKeys; }
std::span<const Section> sections() { return kSections; }

const Section* find_section(std::string_view path) {
    for (const Section& section : kSections) {
        if (section.path == path) return &section;
    }
    return nullptr;
}

bool is_section(std::string_view path) {
    for (const Section& section : kSections) {
        if (section.path == path) return true;
        if (section.path.size() > path.size() && section.path.starts_with(path) && section.path[path.size()] == '.') return true;
    }
    return false;
}

const Key* find_key(std::string_view section, std::string_view name) {
    for (const Key& key : kKeys) {
        if (key.section == section && matches(key.name, name)) return &key;
    }
    return nullptr;
}

const Key* find_key(std::string_view cmap_name) {
    // uidgid alone changes its shape on the way into the map: uidgid.config.uid.<n> = 1.
    if (cmap_name.starts_with("uidgid.config.uid.")) return find_key("uidgid", "uid");
    if (cmap_name.starts_with("uidgid.config.gid.")) return find_key("uidgid", "gid");
    for (const Key& key : kKeys) {
        std::string_view rest = cmap_name;
        if (!key.section.empty()) {
            if (!rest.starts_with(key.section) || rest.size() <= key.section.size() || rest[key.section.size()] != '.') continue;
            rest.remove_prefix(key.section.size() + 1);
            if (find_section(key.section)->list) {          // the item's number or name
                const std::size_t dot = rest.find('.');
                if (dot == rest.npos) continue;
                rest.remove_prefix(dot + 1);
            }
        }
        if (rest.find('.') == rest.npos && matches(key.name, rest)) return &key;
    }
    return nullptr;
}

Result<std::string> normalise(const Key& key, std::string_view value, bool from_yaml) {
    if (value.size() > kValueMax) return error("%zu bytes, at most %zu; shorten it", value.size(), kValueMax);
    for (const char c : value) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return error("contains a control character; write the value on one line");
    }
    switch (key.type) {
    case text:
        return std::string(value);
    case word:
        if (holds_word(key.unit, value)) return std::string(value);
        if (from_yaml && (value == "true" || value == "false")) {
            const bool yes = value == "true";
            if (holds_word(key.unit, "yes") && holds_word(key.unit, "no")) return std::string(yes ? "yes" : "no");
            if (holds_word(key.unit, "on") && holds_word(key.unit, "off")) return std::string(yes ? "on" : "off");
        }
        return wrong_value(key, value);
    default:
        return number(key, value);
    }
}

std::string expectation(const Key& key) {
    if (key.type == text) return "text";
    if (key.type == word) return joined(words_of(key.unit));
    std::string result;
    if (key.min == key.max) {
        result = std::to_string(key.min);
    } else if (key.type == i32) {
        result = "a number from -2147483648 to 2147483647";
    } else {
        result = "a number from " + std::to_string(key.min) + " to " + std::to_string(key.max);
    }
    if (!key.unit.empty()) result += " " + std::string(key.unit);
    if (key.has(kZeroUnset) && key.min > 0) result += " (0: default)";
    return result;
}

std::string suggestion(std::string_view section, std::string_view name) {
    if (name.empty() || name.size() > 64) return "";
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(1, name.size() / 3) + 1;
    const auto consider = [&](std::string_view candidate) {
        const std::size_t d = distance(name, candidate);
        if (d < best_distance) best = candidate, best_distance = d;
    };
    for (const Key& key : kKeys) {
        if (key.section == section && key.name.find('<') == key.name.npos) consider(key.name);
    }
    if (section == kNode) {
        consider("ring0_addr");
        consider("ring1_addr");
    }
    for (const Section& s : kSections) {   // a section one level down
        const std::string_view path = s.in_file;
        if (section.empty() ? (!path.empty() && path.find('.') == path.npos)
                            : path.size() > section.size() && path.starts_with(section) && path[section.size()] == '.' &&
                                  path.find('.', section.size() + 1) == path.npos) {
            consider(section.empty() ? path : path.substr(section.size() + 1));
        }
    }
    // A name that was cut short.
    for (const Key& key : kKeys)
        if (best.empty() && name.size() >= 4 && key.section == section && key.name.starts_with(name)) best = key.name;
    if (!best.empty()) return std::string(best);
    for (const Key& key : kKeys) {
        if (matches(key.name, name) && key.name.find("<name>") == key.name.npos) {
            const std::string_view home = find_section(key.section)->in_file;
            return home.empty() ? std::string(name) : std::string(home) + "." + std::string(name);
        }
    }
    return "";
}

}  // namespace motet::config
