"""The bytes of a vector's request, as they go to dockerd."""
import base64


def bytes_of(row, name):
    """A field of a vector that is a text, or base64."""
    if name + '_b64' in row:
        return base64.b64decode(row[name + '_b64'])
    return row.get(name, '').encode()


def raw_request(request):
    """The bytes of an HTTP/1.x request. The sender was curl-like: one request, then the end."""
    body = bytes_of(request, 'body') + b' ' * request.get('pad_blanks', 0)
    headers = [': '.join(header).encode() for header in request['headers']]
    given = {name.lower() for name, _ in request['headers']}
    if 'host' not in given:
        headers.insert(0, b'Host: docker')
    if 'connection' not in given:
        headers.append(b'Connection: close')
    if request['chunked']:
        if 'transfer-encoding' not in given:
            headers.append(b'Transfer-Encoding: chunked')
        body = b'%x\r\n%s\r\n0\r\n\r\n' % (len(body), body) if body else b'0\r\n\r\n'
    elif body and 'content-length' not in given:
        headers.append(b'Content-Length: %d' % len(body))
    start = b'%s %s %s' % (request['method'].encode(), bytes_of(request, 'target'),
                           request.get('protocol', 'HTTP/1.1').encode())
    return b'\r\n'.join([start, *headers, b'', body])
