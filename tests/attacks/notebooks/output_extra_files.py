# tries: writes more files beside the predictions, hidden ones too
# success: a file is outside
# wall: one file is read, by its name, through one descriptor; the rest of the folder goes with the sandbox
# expect: scored
for name in ("predictions.csv.bak", ".predictions.csv", "scores.json", "result", "challenge.yaml", "executed.ipynb"):
    with open(f"{output_dir}/{name}", "w") as file:
        file.write(canary)
