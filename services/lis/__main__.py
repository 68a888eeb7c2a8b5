"""The lis service as a process of its own."""

from services.kit.process import serve
from services.lis.settings import LisSettings
from services.lis.wiring import build

if __name__ == "__main__":
    serve("lis", lambda resources: build(LisSettings.load(), resources))
