"""A certificate authority of the test's own, made by openssl(1)."""
import os
import ssl
import subprocess


def _openssl(*words, **options):
    return subprocess.run(["openssl", *words], check=True, capture_output=True, **options)


class Authority:
    """Files in `folder`: ca.pem, and what issue() makes."""

    def __init__(self, folder):
        self.folder = folder
        self.ca, self._ca_key = self.path("ca.pem"), self.path("ca.key")
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=Test CA",
                 "-keyout", self._ca_key, "-out", self.ca)

    def path(self, name):
        return os.path.join(self.folder, name)

    def key(self, name):
        """A private key, without a certificate."""
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.path(name))
        return self.path(name)

    def issue(self, name, start=None, end=None):
        """(certificate, key) for localhost and 127.0.0.1; times as YYMMDDHHMMSSZ."""
        cert, request, key = self.path(name + ".pem"), self.path(name + ".csr"), self.key(name + ".key")
        _openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
        extensions = self.path("extensions")
        with open(extensions, "w", encoding="utf-8") as out:
            out.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        if start is None:
            _openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._ca_key, "-days", "1", "-extfile", extensions, "-out", cert)
            return cert, key
        for file, text in ("index", ""), ("serial", "01\n"), ("ca.conf", "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\n"
                           "new_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"):
            with open(self.path(file), "w", encoding="utf-8") as out:
                out.write(text)
        _openssl("ca", "-batch", "-config", "ca.conf", "-in", request, "-cert", self.ca, "-keyfile", self._ca_key, "-startdate", start,
                 "-enddate", end, "-extfile", extensions, "-out", cert, "-notext", cwd=self.folder)
        return cert, key

    def client(self, alpn=("http/1.1",)):
        """What a client needs that trusts this authority and no other."""
        context = ssl.create_default_context(cafile=self.ca)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context
