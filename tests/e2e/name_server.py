"""A name server of the test's own, and programs that ask nobody else.

They run in a network namespace with loopback alone, and in a mount namespace with their own
/etc/resolv.conf, hosts and nsswitch.conf, so that nothing of this machine's names is seen.
"""
import os
import socket
import struct
import subprocess
import threading

import harness
import wan

A, AAAA, SRV = 1, 28, 33
SERVER, OTHER_SERVER = "127.0.0.53", "127.0.0.54"
OWN_FILES = """mount --bind "$0/resolv.conf" /etc/resolv.conf &&
mount --bind "$0/hosts" /etc/hosts && mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf &&
exec "$@" """
SILENT = "silent"


class NameServer:
    """names: {name: list of addresses, SILENT, or {A: …, AAAA: …} of these}; other names do not
    exist. {SRV: …} has (priority, weight, port, target), with the TTL `ttl`. Long answers come over TCP only, as their UDP answer is cut."""

    def __init__(self, names, host=SERVER):
        self.names = names
        self.ttl = 1
        self.questions = []  # (name, type)
        self.over_tcp = 0
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.udp.bind((host, 53))
        self.tcp = harness.Server(self._over_tcp, port=53, host=host)
        threading.Thread(target=self._over_udp, daemon=True).start()

    def close(self):
        self.udp.close()
        self.tcp.close()

    def _over_udp(self):
        while True:
            try:
                query, peer = self.udp.recvfrom(4096)
                answer = self.answer(query)
                if answer and len(answer) > 512:
                    flags = struct.unpack("!H", answer[2:4])[0] | 0x0200  # TC
                    answer = answer[:2] + struct.pack("!H", flags) + query[4:6] + bytes(6) + \
                        question_of(query)[2]
                if answer:
                    self.udp.sendto(answer, peer)
            except OSError:
                return

    def _over_tcp(self, s):
        while size := s.recv(2, socket.MSG_WAITALL):
            size = struct.unpack("!H", size)[0]
            answer = self.answer(harness.read_exactly(s, size))
            self.over_tcp += 1
            if answer:
                s.sendall(struct.pack("!H", len(answer)) + answer)

    def answer(self, query):
        name, kind, question = question_of(query)
        self.questions.append((name, kind))
        known = self.names.get(name)
        if isinstance(known, dict):
            known = known.get(kind, [])
        if known == SILENT:
            return None
        records = b""
        count = 0
        for data in self.data_of(known or [], kind):
            ttl = self.ttl if kind == SRV else 0
            records += struct.pack("!HHHIH", 0xC00C, kind, 1, ttl, len(data)) + data
            count += 1
        code = 3 if known is None else 0
        return query[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, count, 0, 0) + question + records

    @staticmethod
    def data_of(known, kind):
        for each in known:
            if kind == SRV:
                labels = [label.encode() for label in each[3].split(".")]
                name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
                yield struct.pack("!HHH", *each[:3]) + name
            elif (":" in each) == (kind == AAAA):
                yield socket.inet_pton(socket.AF_INET if kind == A else socket.AF_INET6, each)


def question_of(query):
    """(name, type, the bytes of the question)"""
    labels, at = [], 12
    while size := query[at]:
        labels.append(query[at + 1:at + 1 + size].decode())
        at += size + 1
    return ".".join(labels).lower(), struct.unpack("!H", query[at + 1:at + 3])[0], query[12:at + 5]


class Place:
    """The two namespaces and their files."""

    def __init__(self, run, directory, names, resolv_conf=f"nameserver {SERVER}\n", hosts=""):
        wan.require(os.geteuid() == 0, "network and mount namespaces need root")
        self.run, self.directory = run, directory
        self.namespace = wan.new_namespace()
        run.own(self)
        self.inside(subprocess.run, ["ip", "link", "set", "lo", "up"], check=True)
        self.write("resolv.conf", resolv_conf)
        self.write("hosts", hosts)
        self.write("nsswitch.conf", "hosts: files dns\n")
        self.server = self.own(NameServer, names)

    def write(self, name, text):
        (self.directory / name).write_text(text)

    def inside(self, function, *args, **options):
        return wan.inside(self.namespace, function, *args, **options)

    def own(self, thing, *args, **options):
        """Makes the thing in the namespace; it is closed with the test."""
        return self.run.own(self.inside(thing, *args, **options))

    def program(self, name, config):
        prefix = [*wan.prefix(self.namespace), "unshare", "--mount", "sh", "-c", OWN_FILES,
                  str(self.directory)]
        return self.run.program(name, config, prefix=prefix)

    def connect(self, port):
        return self.inside(harness.connect, port)

    def close(self):
        os.close(self.namespace)
