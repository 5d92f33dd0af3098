#!/usr/bin/env bash
# Measures the engine on this machine and writes docs/benchmarks.md. Takes about five minutes; use a quiet machine.
#   bench/run.sh                    everything
#   bench/run.sh micro durable      only these: micro durable audit http first-step pure parallel signals; nothing is written
set -euo pipefail
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd)
cd "$root"
dotnet build bench/AgentFlow.Benchmarks -c Release -m:2 -v q </dev/null >artifacts/bench.log 2>&1 || { cat artifacts/bench.log; exit 1; }
bench=(dotnet artifacts/bin/AgentFlow.Benchmarks/release/AgentFlow.Benchmarks.dll)
if (($# > 0)); then
  exec "${bench[@]}" "$@"
fi

"${bench[@]}" all --out artifacts/bench.md
{
  echo "# Benchmarks"
  echo
  echo "Measured by \`bench/run.sh\` on $(date -u +%F): $(nproc) cores ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)), $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo),"
  echo "$(. /etc/os-release && echo "$PRETTY_NAME"), .NET $(dotnet --version). The load generator runs in the same process and shares the processors. Each figure is the"
  echo "median of three rounds after a warm-up; shared machines vary by a third from hour to hour, so compare ratios, not digits."
  cat artifacts/bench.md
} >docs/benchmarks.md
echo "docs/benchmarks.md is written"
