# tries: hides the data in the low digits of every prediction
# success: the digits are in a score outside
# wall: a score is clipped to its range and rounded to the card's decimals
# expect: scored
# predictions: own
_test = pq.read_table(f"{data_dir}/test.parquet", columns=["id", "x"]).to_pydict()
ids, xs = _test["id"], _test["x"]


def write(values, form=repr):
    with open(f"{output_dir}/predictions.csv", "w") as file:
        file.write("id,prediction\n")
        file.writelines(f"{i},{form(value)}\n" for i, value in zip(ids, values))


bits = [int(bit) for byte in canary.encode() for bit in f"{byte:08b}"]
write([x * 0.999 + bit * 1e-12 for x, bit in zip(xs, bits * len(xs))])
