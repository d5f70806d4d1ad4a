"""One notifier: tells agents of visitors who wait and operators of trouble, by group robot, mail or webhook,
without any other service."""
