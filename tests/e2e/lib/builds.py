"""Plugin files that are replaced while a host uses them, and reloads of it."""
import os
import shutil

from . import build


class Builds:
    """A plugin file that is replaced: by name of another one, or by the same code as another build."""

    def __init__(self, folder, name="plugin.so"):
        self.path = os.path.join(folder, name)
        self._count = 0

    def put(self, plugin, tail=b""):
        """In one step, as an install does it; `plugin` is a name, or a path."""
        fresh = self.path + ".new"
        shutil.copyfile(plugin if "/" in plugin else build.plugin(plugin), fresh)
        with open(fresh, "ab") as out:
            out.write(tail)
        os.chmod(fresh, 0o755)
        os.rename(fresh, self.path)

    def again(self, plugin):
        """The same code with another hash."""
        self._count += 1
        self.put(plugin, b"%08d" % self._count)


def reload(host, ok=True):
    """The verdict, which must be this."""
    report = host.expect(200, "POST", "/v1/reload", query={"wait": "1"}).json
    assert report["ok"] is ok, report
    return report


def verdicts(report):
    return {p["plugin"]: p["verdict"] for p in report["plugins"]}


def generations(host):
    """Numbers of those that serve, and of those that drain."""
    items = host.get("/v1/generations")["items"]
    return [g["number"] for g in items if g["current"]], [g["number"] for g in items if not g["current"]]
