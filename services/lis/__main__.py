"""The lis service as a process of its own."""

from services.kit.process import serve
from services.lis.settings import LisSettings
from services.lis.wiring import build

if __name__ == "__main__":
    settings = LisSettings.load()
    serve(lambda resources: build(settings, resources))
