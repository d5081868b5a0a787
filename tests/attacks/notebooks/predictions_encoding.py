# tries: writes bytes that are no UTF-8, NUL and half a surrogate
# success: the parser dies, or quotes them outside
# wall: predictions are parsed as data in a sandbox of their own, which has no network and no notebook
# expect: failed output
# predictions: own
with open(f"{output_dir}/predictions.csv", "wb") as file:
    file.write(b"id,prediction\n\xff\xfe\x00," + canary.encode("utf-16") + b"\xed\xa0\x80\n" * 50)
