#!/usr/bin/env bash
# Measures the engine on this machine and writes the tables of docs/benchmarks.md. Takes about ten minutes; use a quiet machine.
#   bench/run.sh                          everything, on SQLite and on a PostgreSQL server of its own
#   bench/run.sh --store sqlite           on one of them
#   bench/run.sh --peers DIR [--peer X]   then the programs of other systems in DIR, for a table of ratios (format: Peers.cs)
#   bench/run.sh micro durable …          only these, and nothing is written:
#                                         micro durable http audit first-step pure parallel signals size recovery metrics processes
#   bench/run.sh micro                    single operations in memory: CEL, JSONPath, transitions, behaviour tree ticks, a foreach of 100, LLM plans
# What the figures mean, and where the time goes, stands in docs/architecture/performance.md and is written by hand.
set -euo pipefail
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd)
options=() all=1
while (($# > 0)); do
  case $1 in
    --peers) options+=("$1" "$(readlink -f -- "${2:?bench: --peers needs a folder}")"); shift 2 ;;
    --*) options+=("$1" "${2:?bench: $1 needs a value}"); shift 2 ;;
    *) options+=("$1"); all=; shift ;;
  esac
done

cd "$root"
mkdir -p artifacts
dotnet build bench/AgentFlow.Benchmarks -c Release -m:2 -v q </dev/null >artifacts/bench.log 2>&1 || { cat artifacts/bench.log; exit 1; }
bench=(dotnet artifacts/bin/AgentFlow.Benchmarks/release/AgentFlow.Benchmarks.dll)
if [[ -z $all ]]; then
  exec "${bench[@]}" "${options[@]}"
fi

"${bench[@]}" "${options[@]}" --out artifacts/bench.md
{
  echo "# Benchmarks"
  echo
  echo "Measured by \`bench/run.sh\` on $(date -u +%F): $(nproc) cores ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)), $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo),"
  echo "$(. /etc/os-release && echo "$PRETTY_NAME"), .NET $(dotnet --version), load average at the end $(cut -d ' ' -f 1-3 /proc/loadavg). The load generator runs in the same"
  echo "process, and PostgreSQL on the same processors. Each figure is the median of three rounds after a warm-up; shared machines vary by a"
  echo "third from hour to hour, so compare ratios, not digits. What \"bare store\" means, and where the time goes:"
  echo "[performance](architecture/performance.md)."
  cat artifacts/bench.md
} >docs/benchmarks.md
echo "docs/benchmarks.md is written"
