#!/bin/sh
# The environment of executors as one archive: the versions of the lock file, no PySpark (the
# cluster has its own), no development tools. Needs uv, and the Python that the cluster runs.
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
mkdir -p "$(dirname "$out")"
tar -C "$folder/environment" -czf "$out" .
echo "$out: $(du -h "$out" | cut -f1)"
