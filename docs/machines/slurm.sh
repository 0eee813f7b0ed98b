#!/bin/bash
# One task of an array for each share: sbatch slurm.sh
#SBATCH --job-name=alref
#SBATCH --array=0-7
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --requeue

alref batch "${SOURCE:-videos.csv}" "${EXPRESSION:-the dog}" --out "${STORE:-results}" \
  --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
