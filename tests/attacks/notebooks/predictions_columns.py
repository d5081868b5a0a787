# tries: writes 10^7 columns
# success: the scorer or the runner runs out of memory or time
# wall: columns are counted before the file is parsed
# expect: failed output wrong_columns
# predictions: own
with open(f"{output_dir}/predictions.csv", "w") as file:
    for _ in range(100):
        file.write("id,p," * 50_000)
    file.write("\n1\n")
