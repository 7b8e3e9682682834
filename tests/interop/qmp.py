#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""QMP as clients see it: qmp.py TINAMOU. Every answer's shape is held against QEMU's, when
qemu-system-aarch64 is installed, and against what is written here in any case."""
import json
import shutil
import subprocess
import sys

MACHINE = ['-M', 'virt', '-cpu', 'cortex-a57', '-smp', '2', '-m', '64', '-name', 'guest', '-net',
           'none', '-display', 'none', '-serial', 'null', '-S', '-qmp', 'stdio']

# command, arguments, shape: a dict of the members that must be there with their shapes,
# [shape] for an array with at least one element, a type, or None for an empty object
STEPS = [
    ('query-status', None, {'status': str, 'running': bool, 'singlestep': bool}),
    ('query-version', None, {'qemu': {'major': int, 'minor': int, 'micro': int}, 'package': str}),
    ('query-name', None, {'name': str}),
    ('query-uuid', None, {'UUID': str}),
    ('query-kvm', None, {'enabled': bool, 'present': bool}),
    ('query-target', None, {'arch': str}),
    ('query-cpus-fast', None, [{'cpu-index': int, 'qom-path': str, 'thread-id': int,
                                'target': str, 'props': {'core-id': int}}]),
    ('query-machines', None, [{'name': str, 'cpu-max': int, 'hotpluggable-cpus': bool,
                               'numa-mem-supported': bool, 'deprecated': bool}]),
    ('query-cpu-definitions', None, [{'name': str, 'typename': str, 'static': bool,
                                      'deprecated': bool}]),
    ('query-chardev', None, [{'label': str, 'filename': str, 'frontend-open': bool}]),
    ('query-commands', None, [{'name': str}]),
    ('query-memory-size-summary', None, {'base-memory': int}),
    ('query-migrate', None, None),
    ('human-monitor-command', {'command-line': 'info status'}, str),
    ('qom-list', {'path': '/machine'}, [{'name': str, 'type': str}]),
    ('cont', None, None),
    ('stop', None, None),
    ('system_reset', None, None),
]

ERRORS = [
    ({'execute': 'nosuch'}, 'CommandNotFound'),
    ({'execute': 'memsave'}, 'GenericError'),
    ({'execute': 'stop', 'arguments': {'x': 1}}, 'GenericError'),
    ({'execute': 'ringbuf-read', 'arguments': {'device': 'no', 'size': 1}}, 'GenericError'),
    ({'execute': 'migrate', 'arguments': {'uri': 'nowhere:x'}}, 'GenericError'),
    ({'execute': 'query-status', 'what': 1}, 'GenericError'),
]


class Qmp:
    def __init__(self, argv):
        self.child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True, bufsize=1)
        self.events = []
        self.greeting = self.read()

    def read(self):
        line = self.child.stdout.readline()
        if not line:
            sys.exit(f'qmp: the other end is gone (status {self.child.wait()})')
        return json.loads(line)

    def ask(self, request):
        self.child.stdin.write(json.dumps(request) + '\n')
        self.child.stdin.flush()
        while True:
            answer = self.read()
            if 'event' not in answer:
                return answer
            self.events.append(answer)

    def wait_event(self, name):
        while not any(e['event'] == name for e in self.events):
            answer = self.read()
            if 'event' in answer:
                self.events.append(answer)
        return next(e for e in self.events if e['event'] == name)

    def quit(self):
        answer = self.ask({'execute': 'quit'})
        self.wait_event('SHUTDOWN')
        rest = self.child.stdout.read()
        return answer, self.child.wait(timeout=20), rest


BAD = []


def check(ok, what):
    if not ok:
        BAD.append(what)
        print('FAILED', what)


def fits(value, shape, what):
    if shape is None:
        check(value == {}, f'{what}: {value} is not empty')
    elif isinstance(shape, list):
        check(isinstance(value, list) and value, f'{what}: {value} is no filled array')
        for v in value if isinstance(value, list) else []:
            fits(v, shape[0], what)
    elif isinstance(shape, dict):
        check(isinstance(value, dict), f'{what}: {value} is no object')
        for key, sub in shape.items():
            if key in value:
                fits(value[key], sub, f'{what}.{key}')
            else:
                check(False, f'{what}: no member {key} in {value}')
    else:
        check(type(value) is shape, f'{what}: {value!r} is no {shape.__name__}')


def same(ours, theirs, what):
    """Whatever of ours QEMU has too is of the same type, and we make up no members."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in ours:
            if key in theirs:
                same(ours[key], theirs[key], f'{what}.{key}')
            elif what != 'query-machines':  # optional members differ with the machine
                check(False, f'{what}: QEMU has no member {key}')
    elif isinstance(ours, list) and isinstance(theirs, list):
        if ours and theirs:
            same(ours[0], theirs[0], what)
    else:
        check(type(ours) is type(theirs), f'{what}: {ours!r} where QEMU has {theirs!r}')


def session(argv):
    q = Qmp(argv)
    fits(q.greeting, {'QMP': {'version': {'qemu': {'major': int}}, 'capabilities': list}},
         'greeting')
    early = q.ask({'execute': 'query-status'})
    check(early.get('error', {}).get('class') == 'CommandNotFound', f'before negotiation: {early}')
    check(q.ask({'execute': 'qmp_capabilities'}) == {'return': {}}, 'qmp_capabilities')
    answers = {}
    for name, args, shape in STEPS:
        request = {'execute': name, 'id': {'n': name}}
        if args:
            request['arguments'] = args
        answer = q.ask(request)
        check(answer.get('id') == {'n': name}, f'{name}: id {answer.get("id")}')
        if 'return' not in answer:
            check(False, f'{name}: {answer}')
            continue
        fits(answer['return'], shape, name)
        answers[name] = answer['return']
    for name in ('RESUME', 'STOP', 'RESET'):
        event = q.wait_event(name)
        fits(event, {'timestamp': {'seconds': int, 'microseconds': int}}, name)
    fits(q.wait_event('RESET')['data'], {'guest': bool, 'reason': str}, 'RESET')
    for request, cls in ERRORS:
        answer = q.ask(request)
        check(answer.get('error', {}).get('class') == cls, f'{request}: {answer}')
        fits(answer.get('error'), {'class': str, 'desc': str}, 'error')
    schema = q.ask({'execute': 'query-qmp-schema'})['return']
    q.child.stdin.write('{"execute": !\n')
    answer = q.ask({'execute': 'query-status'})
    while answer.get('error', {}).get('desc', '').startswith('JSON parse error'):
        answer = q.read()
    check('return' in answer, f'after bad JSON: {answer}')
    answer, status, _ = q.quit()
    check(answer == {'return': {}}, f'quit: {answer}')
    check(status == 0, f'exit status {status}')
    return answers, schema


def check_schema(schema, commands):
    names = {e['name'] for e in schema}
    check(len(names) == len(schema), 'the schema has a name twice')
    for e in schema:
        points = [e.get(k) for k in ('arg-type', 'ret-type', 'element-type')]
        points += [m.get('type') for m in e.get('members', [])]
        for p in points:
            check(p is None or p in names, f'the schema has no {p} (of {e["name"]})')
    for c in commands:
        check(c['name'] in names, f'the schema lacks command {c["name"]}')


def main():
    argv = [sys.argv[1], 'system', 'aarch64'] + MACHINE
    ours, schema = session(argv)
    check_schema(schema, ours.get('query-commands', []))
    oracle = shutil.which('qemu-system-aarch64')
    if oracle:
        theirs, _ = session([oracle] + MACHINE)
        for name, value in ours.items():
            if name in theirs:
                same(value, theirs[name], name)
    else:
        print('no qemu-system-aarch64 to compare with')
    print(f'{len(STEPS) + len(ERRORS)} requests, {len(BAD)} faults')
    sys.exit(1 if BAD else 0)


main()
