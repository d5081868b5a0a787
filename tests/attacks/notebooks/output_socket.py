# tries: makes the predictions a unix socket on which a child answers
# success: the runner speaks to it
# wall: the output is opened with O_NOFOLLOW and must be a regular file with one name
# expect: failed output not_a_file
# predictions: own
import socket

server = socket.socket(socket.AF_UNIX)
server.bind(f"{output_dir}/predictions.csv")
server.listen()
