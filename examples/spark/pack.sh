#!/bin/sh
# The environment of executors as one archive: the versions of the lock file, no PySpark (the
# cluster has its own), no development tools, kernels compiled for the processor of this machine.
# Needs uv, and the Python that the cluster runs.
#
#   examples/spark/pack.sh build/environment.tar.gz [PYTHON]
set -eu
out=${1:-build/environment.tar.gz}
python=${2:-python3}
root=$(cd "$(dirname "$0")/../.." && pwd)
uv=$(command -v uv || echo "$root/.venv/bin/uv")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$uv" venv --quiet --relocatable --python "$python" "$folder/environment"
cd "$root"
UV_PROJECT_ENVIRONMENT="$folder/environment" "$uv" sync --frozen --quiet --no-dev --no-editable
cd - >/dev/null
# executors find the compiled kernels by the time of their sources; archives keep whole seconds of it
find "$folder/environment" -path '*/stillwatch/*' -name '*.py' -exec touch -d '2026-01-01 00:00:00' {} +
"$folder/environment/bin/python" -c 'from stillwatch.engines.spark.task import compiled; compiled()'
mkdir -p "$(dirname "$out")"
tar -C "$folder/environment" -cf - . | gzip -3 >"$out"
echo "$out: $(du -h "$out" | cut -f1)"
