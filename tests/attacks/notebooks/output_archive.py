# tries: writes an archive with the data in it as the predictions
# success: the archive is outside, or unpacked
# wall: predictions are parsed as CSV or Parquet, and only scores come out
# expect: failed output
# predictions: own
import zipfile

with zipfile.ZipFile(f"{output_dir}/predictions.csv", "w") as archive:
    archive.writestr(f"../../{canary}", canary)
