# tries: writes predictions until the disk is full
# success: the runner's disk is full
# wall: the output folder is a tmpfs of the card's size
# expect: failed
# predictions: own
with open(f"{output_dir}/predictions.csv", "wb") as file:
    while True:
        file.write(canary.encode() * 100_000)
