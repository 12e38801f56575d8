"""multipart/form-data as browsers write it."""
import dataclasses
import itertools

BOUNDARY = "----jobhostTestBoundary"
_numbers = itertools.count()


@dataclasses.dataclass
class File:
    content: bytes
    filename: str = None
    content_type: str = None


def encode(parts, boundary=None):
    """(Content-Type, body) of [(name, text, bytes or File), ...]."""
    boundary = boundary or f"{BOUNDARY}{next(_numbers)}"
    body = b""
    for name, value in parts:
        file = value if isinstance(value, File) else File(value.encode() if isinstance(value, str) else value)
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        body += f'; filename="{file.filename}"'.encode() if file.filename is not None else b""
        body += f"\r\nContent-Type: {file.content_type}".encode() if file.content_type else b""
        body += b"\r\n\r\n" + file.content + b"\r\n"
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()
