"""A service manager's ear: the socket that NOTIFY_SOCKET names, and who has said what there
(sd_notify(3), unix(7))."""
import socket
import struct
import threading

import harness


class Manager:
    """Owned by a Runner. said: (process number, line) in their order; a message may have several."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.said = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(self.path)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                text, more, _, _ = self.socket.recvmsg(4096, 64)
            except OSError:
                return
            if not text:  # it was shut down
                return
            pid = struct.unpack("iii", more[0][2])[0]
            self.said += [(pid, line) for line in text.decode().splitlines()]

    def lines(self, pid):
        return [line for sender, line in list(self.said) if sender == pid]

    def wait_for(self, line, pid, count=1):
        """Until the process has said this line so many times."""
        harness.wait_for(lambda: self.lines(pid).count(line) >= count,
                         what=f"{count} times '{line}' by {pid} in {self.said}")

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
