"""The workshop's form: the edge's owner of tasks is one, and so is the tests'."""

import threading

from cache.tasks import TaskRunner
from edge.tasks import TaskOwner
from tests.cache.workbench import Shop
from tests.doubles.clock import turns


async def test_the_edges_owner_of_tasks_works_in_threads():
    owner: TaskRunner = TaskOwner(lambda error: None)
    assert await owner.offload(threading.get_ident) != threading.get_ident()
    await owner.stop(1)


async def test_the_tests_workshop_holds_work_back():
    workshop: TaskRunner = (shop := Shop())
    done = []

    async def work():
        done.append(await workshop.offload(lambda: "worked"))

    with shop.held():
        workshop.spawn(work())
        await turns()
        assert shop.begun == 1
        assert not done
    await shop.settle()
    assert done == ["worked"]
