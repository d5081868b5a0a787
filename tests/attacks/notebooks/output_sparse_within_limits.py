# tries: makes the predictions a sparse file as large as is allowed
# success: the scorer runs out of memory, or the runner does
# wall: size checked before reading, and the scorer's own bounds
# expect: failed
# predictions: own
with open(f"{output_dir}/predictions.csv", "wb") as file:
    file.write(b"id,prediction\n")
    file.truncate(60 << 20)
