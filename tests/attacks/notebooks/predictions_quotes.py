# tries: writes one quoted cell of 50 MB that never ends
# success: the scorer runs out of memory or time
# wall: predictions are parsed as data in a sandbox of their own, which has no network and no notebook
# expect: failed output
# predictions: own
with open(f"{output_dir}/predictions.csv", "w") as file:
    file.write('id,prediction\n1,"')
    for _ in range(50):
        file.write(canary * 25_000)
