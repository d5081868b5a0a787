# tries: writes a broken Parquet file, whose parser is native code
# success: the parser dies and takes the runner with it
# wall: predictions are parsed as data in a sandbox of their own, which has no network and no notebook
# expect: failed output
# predictions: own
import pyarrow as pa

pq.write_table(pa.table({"id": [1], "prediction": [canary]}), "/work/tmp/x.parquet")
content = bytearray(open("/work/tmp/x.parquet", "rb").read())
for i in range(4, len(content) - 8, 3):
    content[i] ^= 0x5A
open(f"{output_dir}/predictions.csv", "wb").write(content)
