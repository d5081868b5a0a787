# tries: writes 10^7 rows
# success: the scorer runs out of memory or time
# wall: rows are counted before the file is parsed
# expect: failed output too_many_rows
# predictions: own
with open(f"{output_dir}/predictions.csv", "w") as file:
    file.write("id,prediction\n")
    for _ in range(100):
        file.write("1,0.5\n" * 100_000)
