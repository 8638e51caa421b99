# The environment of a dyno with a JVM: sourced by bash before the app's own command.
export JAVA_HOME="$HOME/.jdk"
export PATH="$JAVA_HOME/bin:$PATH"

# The heap by the dyno's memory, in MB: 300 of 512, 671 of 1024, 2048 of 2560.
jvm_megabytes=${MEMORY_AVAILABLE:-}
if [ -z "$jvm_megabytes" ]; then
  jvm_bytes=$(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null | head -n 1)
  case $jvm_bytes in
    "" | max | ????????????*) jvm_megabytes=512 ;;
    *) jvm_megabytes=$((jvm_bytes / 1048576)) ;;
  esac
fi
if [ "$jvm_megabytes" -lt 1024 ]; then
  jvm_heap="-Xmx$((jvm_megabytes * 300 / 512))m"
  jvm_options="$jvm_heap -Xss512k -XX:CICompilerCount=2"
elif [ "$jvm_megabytes" -lt 2560 ]; then
  jvm_heap="-Xmx$((jvm_megabytes * 671 / 1024))m"
  jvm_options="$jvm_heap -XX:CICompilerCount=2"
else
  jvm_heap="-Xmx$((jvm_megabytes * 80 / 100))m"
  jvm_options=$jvm_heap
fi
# What the first build sets as a config var suits one size of dyno; until it is changed, the heap follows the dyno.
if [ "${JAVA_OPTS:-}" = "-Xmx384m -Xss512k -XX:+UseCompressedOops" ]; then
  export JAVA_OPTS="$jvm_heap -Xss512k -XX:+UseCompressedOops"
fi
# An app that names its own heap gets no other.
case "${JAVA_OPTS:-} ${JAVA_TOOL_OPTIONS:-}" in
  *-Xmx* | *-XX:MaxRAM*) jvm_options='' ;;
esac
JAVA_TOOL_OPTIONS="${jvm_options:+$jvm_options }-Dfile.encoding=UTF-8${JAVA_TOOL_OPTIONS:+ $JAVA_TOOL_OPTIONS}"
export JAVA_TOOL_OPTIONS
unset jvm_megabytes jvm_bytes jvm_heap jvm_options
