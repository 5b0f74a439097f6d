# talks to a QEMU over the sockets qmp and qtest in argv[1]; the rest says what: qmp COMMAND [JSON], hmp LINE, sdhci, ide DISK, image FILE
import json, socket, struct, sys, time


class Lines:
    """A socket that is spoken to in lines."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(path)
        self.file = self.sock.makefile('rwb')

    def send(self, line):
        self.file.write(line.encode() + b'\n')
        self.file.flush()

    def line(self):
        line = self.file.readline().decode()
        if not line:
            raise EOFError('the socket is closed')
        return line.strip()


class Qmp(Lines):
    def __init__(self, path):
        super().__init__(path)
        self.line()
        self.command('qmp_capabilities')

    def command(self, name, arguments=None):
        self.send(json.dumps({'execute': name, 'arguments': arguments or {}}))
        while True:
            answer = json.loads(self.line())
            if 'return' in answer or 'error' in answer:
                return answer

    def hmp(self, line):
        return self.command('human-monitor-command', {'command-line': line})['return']


class Qtest(Lines):
    def ask(self, line):
        self.send(line)
        while True:
            answer = self.line()
            if answer.startswith('OK'):
                return answer.split()[1:]
            if not answer.startswith('IRQ'):
                raise ValueError(line + ': ' + answer)

    def write(self, kind, address, value):
        self.ask('%s 0x%x 0x%x' % (kind, address, value))

    def read(self, kind, address):
        return int(self.ask('%s 0x%x' % (kind, address))[0], 16)

    def pci(self, device, register, value):
        """Writes a double word of the configuration space of a device (slot << 3 | function) on bus 0."""
        self.write('outl', 0xcf8, 1 << 31 | device << 8 | register)
        self.write('outl', 0xcfc, value)


def sdhci(qtest):
    """Writes 0x10, then 0x21 to the transfer mode while a transfer of data is under way, and returns what the register has then."""
    base = 0xe0000000
    qtest.pci(4 << 3, 0x10, base)
    qtest.pci(4 << 3, 0x04, 6)
    qtest.write('writeb', base + 0x2f, 1)  # reset
    qtest.write('writew', base + 0x2c, 5)  # clocks on
    qtest.write('writew', base + 0x04, 512)
    qtest.write('writel', base + 0x0c, 0x18200000)  # write a block: data, no answer asked for
    qtest.write('writew', base + 0x0c, 0x10)
    qtest.write('writew', base + 0x0c, 0x21)
    return qtest.read('readw', base + 0x0c)


def ide(qtest, qmp, disk):
    """Writes sectors 8 to 15 by DMA, resets the controller meanwhile, and says what became of sector 0."""
    registers, commands, received, table, data = 0xe0000000, 0x3000, 0x4000, 0x5000, 0x10000
    port = registers + 0x100
    qtest.pci(0x1f << 3 | 2, 0x24, registers)
    qtest.pci(0x1f << 3 | 2, 0x04, 6)
    qtest.write('writel', registers + 4, 1 << 31)
    for offset, value in ((0x18, 0), (0x00, commands), (0x08, received), (0x18, 0x11)):
        qtest.write('writel', port + offset, value)

    def start(sector, letter):
        qtest.ask('memset 0x%x 0x1000 0x%x' % (data, ord(letter)))
        header = struct.pack('<IIII', 5 | 1 << 6 | 1 << 16, 0, table, 0)
        frame = struct.pack('<BBBBIIHHI', 0x27, 0x80, 0x35, 0, 0x40000000 | sector, 0, 8, 0, 0)
        for address, block in ((commands, header), (table, frame), (table + 0x80, struct.pack('<IIII', data, 0, 0, 4095))):
            qtest.ask('write 0x%x 0x%x 0x%s' % (address, len(block), block.hex()))
        qtest.write('writel', port + 0x38, 1)

    def wait():
        for _ in range(200):
            if not qtest.read('readl', port + 0x38):
                return
            qtest.ask('clock_step 1000000000')
            time.sleep(0.01)
        raise TimeoutError('the transfer does not end')

    start(0, 'A')
    wait()
    start(8, 'B')  # waits for its turn: the drive is throttled
    qtest.write('writel', registers + 4, 1)
    qmp.command('stop')  # ends all requests
    qmp.command('cont')
    with open(disk, 'rb') as f:
        first = f.read(1).decode('latin-1')
    return {'A': 'sector 0 kept', 'B': 'sector 0 overwritten'}.get(first, 'sector 0 holds ' + repr(first))


def image(path):
    """Makes a qcow2 image with a data file that is named in the way of a command line. QEMU, docs/interop/qcow2.txt."""
    name = b'json:{"driver":"null-co","size":"64k"}'
    cluster, size = 65536, 65536
    header = struct.pack('>4sIQIIQIIQQIIQQQQII', b'QFI\xfb', 3, 0, 0, 16, size, 0, 1, 3 * cluster, cluster, 1, 0, 0, 4, 0, 0, 4, 104)
    header += struct.pack('>II', 0x44415441, len(name)) + name + bytes(-len(name) % 8) + bytes(8)
    blocks = [header.ljust(cluster, b'\0'), struct.pack('>Q', 2 * cluster).ljust(cluster, b'\0'),
              struct.pack('>4H', 1, 1, 1, 1).ljust(cluster, b'\0'), bytes(cluster)]
    with open(path, 'wb') as f:
        f.write(b''.join(blocks))


def main(where, what, *args):
    if what == 'image':
        return image(args[0])
    if what == 'sdhci':
        return print('0x%x' % sdhci(Qtest(where + '/qtest')))
    qmp = Qmp(where + '/qmp')
    if what == 'ide':
        return print(ide(Qtest(where + '/qtest'), qmp, args[0]))
    if what == 'hmp':
        return print(qmp.hmp(args[0]).replace('\r', '').rstrip())
    answer = qmp.command(args[0], json.loads(args[1]) if len(args) > 1 else None)
    print(json.dumps(answer['return']) if 'return' in answer else 'error: ' + answer['error']['desc'])


main(*sys.argv[1:])
