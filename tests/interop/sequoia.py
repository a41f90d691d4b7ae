"""Sequoia 2 behind a few words on the command line: the RFC 9580 peer of modern.test.ts. `bytes` go in and out on the standard streams."""
import sys
import pysequoia


def main() -> None:
    command, *files = sys.argv[1:]
    data = sys.stdin.buffer.read()
    if command == "generate":
        key = pysequoia.Tsk.generate("Sequoia <sequoia@example.org>", profile=pysequoia.Profile.RFC9580)
        out = str(key).encode()
    elif command == "certificate":
        out = str(pysequoia.Tsk.from_file(files[0]).extract_certificate()).encode()
    elif command == "encrypt":
        out = pysequoia.encrypt(data, recipients=[pysequoia.Cert.from_file(file) for file in files], armor=False)
    elif command == "decrypt":
        out = pysequoia.decrypt(data, decryptor=pysequoia.Tsk.from_file(files[0]).decryptor(files[1] if len(files) > 1 else None)).bytes
    else:
        raise SystemExit(f"unknown command {command}")
    sys.stdout.buffer.write(bytes(out))


main()
