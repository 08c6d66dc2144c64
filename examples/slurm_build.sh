#!/bin/bash
# Build ImageNet's records as 64 tasks of a Slurm array, then the manifest:
#   sbatch --array=0-63 examples/slurm_build.sh
#   sbatch --dependency=afterok:<job> --wrap "imgtools finalize $OUT"
# A task that was lost is run again with its number: sbatch --array=17 examples/slurm_build.sh
#SBATCH --job-name=imgtools-build
#SBATCH --cpus-per-task=4
#SBATCH --mem=2G
#SBATCH --time=01:00:00
#SBATCH --requeue
set -euo pipefail
: "${RAW:?the raw images}" "${OUT:?the folder for the records}" "${SLICES:=64}"
exec imgtools build-tfrecords --raw "$RAW" --out "$OUT" \
  --workers "${SLURM_CPUS_PER_TASK:-1}" --shard-slice "$SLURM_ARRAY_TASK_ID/$SLICES"
