# Engine hooks: one ring of Motet and corosync nodes. kinds=STRING says which node is which: m Motet, c corosync,
# for instance kinds=ccm.
engine_defaults() {
	: "${OPT_transport:=udpu}"
	[ "${#OPT_kinds}" -ge "$N" ] || { echo "mixed: kinds must name every node" >&2; return 1; }
	(. "$HERE/engines/corosync.sh" && engine_defaults) && (. "$HERE/engines/motet.sh" && engine_defaults)
}
engine_of() {
	case ${OPT_kinds:$(($1 - 1)):1} in
	m) echo motet ;;
	*) echo corosync ;;
	esac
}
hook() {
	local name=$1
	shift
	(. "$HERE/engines/$(engine_of "$1").sh" && "$name" "$@")
}
engine_mounts() { hook engine_mounts "$@"; }
engine_write_config() { hook engine_write_config "$@"; }
engine_start_node() { hook engine_start_node "$@"; }
engine_stop_node() { hook engine_stop_node "$@"; }
engine_kill_pids() { hook engine_kill_pids "$@"; }
engine_client_env() { hook engine_client_env "$@"; }
