# tries: makes the predictions a sparse file of a terabyte
# success: the runner runs out of disk or memory
# wall: the file size is bounded by a resource limit
# expect: failed
# predictions: own
with open(f"{output_dir}/predictions.csv", "wb") as file:
    file.truncate(1 << 40)
