#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a manager asks of `-M none` before it makes a machine: none.py TINAMOU."""
import json
import subprocess
import sys

ASKED = ['query-version', 'query-target', 'query-commands', 'query-events', 'query-kvm',
         'query-qmp-schema', 'qom-list-types', 'query-status', 'query-block', 'query-iothreads',
         'query-chardev', 'query-cpus-fast', 'query-current-machine', 'query-memory-devices',
         'query-tpm-models', 'query-tpm-types', 'query-chardev-backends', 'query-acpi-ospm-status']
OF = {'aarch64': ('virt', 'cortex-a57-arm-cpu', {'pc', 'malta'}),
      'x86_64': ('pc', 'host-x86_64-cpu', {'virt', 'malta'}),
      'mipsel': ('malta', None, {'pc', 'virt'})}


# A disk on PCI is told by its device's id, in the name that managers look for.
def disk(tinamou):
    commands = [('qmp_capabilities', {}), ('query-blockstats', {}), ('qom-list', {'path': '/machine/peripheral'}),
                ('block_set_io_throttle', {'id': '/machine/peripheral/d0/virtio-backend', 'bps': 0, 'bps_rd': 0,
                                           'bps_wr': 0, 'iops': 100, 'iops_rd': 0, 'iops_wr': 0}),
                ('block_set_io_throttle', {'id': 'd0', 'bps': 0, 'bps_rd': 0, 'bps_wr': 0, 'iops': 0,
                                           'iops_rd': 0, 'iops_wr': 0}), ('quit', {})]
    text = ''.join(json.dumps({'execute': c, 'arguments': a}) for c, a in commands)
    r = subprocess.run([tinamou, 'system', 'aarch64', '-M', 'virt', '-accel', 'tcg', '-S', '-nodefaults', '-display',
                        'none', '-blockdev', 'driver=null-co,node-name=n,read-zeroes=on', '-device',
                        'virtio-blk-pci,drive=n,id=d0', '-chardev', 'stdio,id=c', '-mon',
                        'chardev=c,id=monitor,mode=control', '-M', 'dump-guest-core=off,mem-merge=on'],
                       input=text, capture_output=True, text=True, timeout=30, check=True)
    answers = [json.loads(line) for line in r.stdout.split('\n') if line and 'event' not in line][1:]
    assert all('return' in a for a in answers), answers
    assert answers[1]['return'][0]['qdev'] == '/machine/peripheral/d0/virtio-backend', answers[1]
    assert [p['name'] for p in answers[2]['return']] == ['type', 'd0'], answers[2]
    print('ok: a disk')


def session(tinamou, arch):
    qemu = subprocess.Popen([tinamou, 'system', arch, '-M', 'none', '-accel', 'tcg', '-S', '-nodefaults',
                             '-display', 'none', '-qmp', 'stdio'], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
    qemu.stdout.readline()

    def ask(name, **arguments):
        qemu.stdin.write(json.dumps({'execute': name, 'arguments': arguments}) + '\n')
        qemu.stdin.flush()
        while True:
            answer = json.loads(qemu.stdout.readline())
            if 'event' not in answer:
                assert 'return' in answer, (arch, name, answer)
                return answer['return']

    ask('qmp_capabilities')
    for name in ASKED:
        ask(name)
    machine, cpu, others = OF[arch]
    machines = {n: m for m in ask('query-machines') for n in (m['name'], m.get('alias', m['name']))}
    assert machine in machines and 'none' in machines and not others & set(machines), machines
    assert cpu is None or machines[machine]['default-cpu-type'] == cpu, machines[machine]
    assert 'default-cpu-type' not in machines['none'], machines['none']
    suffix = machines[machine]['default-cpu-type'].split('-')[-2:]
    for d in ask('query-cpu-definitions'):
        assert d['typename'].split('-')[-2:] == suffix, d
    assert ask('device-list-properties', typename='virtio-blk-pci')
    assert {'null', 'socket', 'pty'} <= {b['name'] for b in ask('query-chardev-backends')}
    assert ask('qom-list-properties', typename='virtio-blk-pci')
    types = {t['name'] for t in ask('qom-list-types')}
    assert {'tcg-accel', 'memory-backend-file', 'iothread', 'secret', machines[machine]['default-cpu-type']} <= types
    # libvirtd ends itself where this is an error
    assert isinstance(ask('qom-list-properties', typename=machines[machine]['name'] + '-machine'), list)
    assert {'size', 'mem-path'} <= {p['name'] for p in ask('qom-list-properties', typename='memory-backend-file')}
    if arch == 'aarch64':
        assert [g['version'] for g in ask('query-gic-capabilities')] == [2, 3]
    ask('set-action', reboot='shutdown', panic='none')
    ask('quit')
    assert qemu.wait(20) == 0
    print('ok:', arch)


disk(sys.argv[1])
for guest in OF:
    session(sys.argv[1], guest)
