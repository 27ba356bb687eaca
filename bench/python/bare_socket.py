"""The peer bare-socket: `bare_records` on a Unix socket, 4 bytes of length before each document."""

import socket
import sys

import bare_records


def main(path: str) -> None:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    reader = connection.makefile("rb", buffering=1 << 18)
    while header := reader.read(4):
        for document in bare_records.answers(reader.read(int.from_bytes(header, "big"))):
            connection.sendall(len(document).to_bytes(4, "big") + document)


if __name__ == "__main__":
    main(sys.argv[1])
