"""One office for all scenarios; each test visits it with agents of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from support.office import AUDIENCES, Office, Visit, running_office


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with running_office(tmp_path_factory.mktemp("office")) as office, office.tools(*AUDIENCES) as urls:
        office.urls = urls
        yield office


@pytest.fixture
async def visit(office: Office) -> AsyncIterator[Visit]:
    async with office.visit() as visit:
        yield visit
