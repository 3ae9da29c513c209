"""What a kubelet would do with a container of the chart, on this machine: its volumes as folders, its variables, its ports on
loopback."""

import re

from charts import container, only
from processes import unused_address


class LocalPod:
    """`secrets`: name → files, as texts or paths. `folders`: other volumes by name. `variables`: what the kubelet would know."""

    def __init__(self, folder, objects, deployment, secrets=None, folders=None, variables=None, init=None):
        self._folder = folder
        self._spec = only(objects, "Deployment", deployment)["spec"]["template"]["spec"]
        self.container = container(only(objects, "Deployment", deployment), init or self._spec["containers"][0]["name"])
        self._ports = {}
        self._places = {}
        volumes = {each["name"]: each for each in self._spec["volumes"]}
        for mount in self.container["volumeMounts"]:
            self._places[mount["mountPath"]] = self._place(volumes[mount["name"]], objects, secrets or {}, folders or {})
        for mount in self._places.values():  # once all places are known: files name others
            for path in mount.rglob("*.yaml") if mount.is_relative_to(folder) else ():
                path.write_text(self._local(path.read_text()))
        known = {**{each["name"]: each["value"] for each in self.container.get("env", []) if "value" in each}, **(variables or {})}
        self.arguments = [re.sub(r"\$\((\w+)\)", lambda name: known[name.group(1)], self._local(each)) for each in self.container["args"]]

    def _place(self, volume, objects, secrets, folders):
        name = volume["name"]
        if name in folders:
            return folders[name]
        place = self._folder / name
        place.mkdir()
        if "configMap" in volume:
            files = only(objects, "ConfigMap", volume["configMap"]["name"])["data"]
        else:
            files = secrets[volume["secret"]["secretName"]] if "secret" in volume else {}
        for key, text in files.items():
            (place / key).write_text(text)
        return place

    def _local(self, text):
        mounts = "|".join(map(re.escape, self._places))
        text = re.sub(rf"(?<![\w/.-])({mounts})\b", lambda mount: str(self._places[mount.group(1)]), text)
        return re.sub(r"\b0\.0\.0\.0:(\d+)", lambda port: self.address(int(port.group(1))), text)

    def address(self, port):
        """Where the container's port is here."""
        return self._ports.setdefault(port, unused_address())
