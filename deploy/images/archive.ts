import { execFile } from 'node:child_process'
import { chmod, copyFile, cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { ExampleImage } from './images.ts'

const execute = promisify(execFile)

// A root shell by `su` without `-` has no sbin on its PATH.
const env = { ...process.env, LC_ALL: 'C', PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin` }

const commandPath = async (name: string): Promise<string> => {
  const { stdout } = await execute('/bin/sh', ['-c', 'command -v "$1"', 'sh', name], { env }).catch(
    (cause: unknown) => {
      throw new Error(`${name} is not installed here; run: sh deploy/setup.sh`, { cause })
    },
  )
  return stdout.trim()
}

/** Shared libraries of a program and its loader, by absolute path. `ldd` prints `NAME => PATH (0x...)` or `PATH (0x...)`. */
const librariesOf = async (program: string): Promise<readonly string[]> => {
  const { stdout } = await execute('ldd', [program], { env })
  return [...stdout.matchAll(/(?:^|\s)(\/\S+) \(0x/gm)].map(([, path = '']) => path)
}

const installBusybox = async (root: string): Promise<void> => {
  const busybox = await commandPath('busybox')
  await copyFile(busybox, join(root, 'bin/busybox'))
  await chmod(join(root, 'bin/busybox'), 0o755)
  const { stdout } = await execute(busybox, ['--list'])
  const applets = stdout.split('\n').filter((name) => name !== '' && name !== 'busybox')
  for (const applet of applets) await symlink('busybox', join(root, 'bin', applet))
}

const copyInto = async (root: string, path: string, target = path): Promise<void> => {
  await mkdir(join(root, dirname(target)), { recursive: true })
  await copyFile(path, join(root, target))
  await chmod(join(root, target), 0o755)
}

/**
 * Writes the file system of an image into `work` and gives its tar archive: the same bytes for the same content, whenever and
 * wherever it is made.
 */
export const makeArchive = async (image: ExampleImage, work: string): Promise<string> => {
  const root = join(work, 'root')
  for (const folder of ['bin', 'etc', 'root', 'tmp', 'sbin', 'srv', 'mnt/share']) {
    await mkdir(join(root, folder), { recursive: true })
  }
  await installBusybox(root)
  for (const name of image.programs) {
    const program = await commandPath(name)
    await copyInto(root, program, `/sbin/${name}`)
    for (const library of await librariesOf(program)) await copyInto(root, library)
  }
  await cp(image.folder, root, { recursive: true })
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
  await writeFile(join(root, 'etc/group'), 'root:x:0:\n')
  const archive = join(work, 'image.tar')
  const reproducible = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=ustar']
  // Modes must not depend on the umask, nor on whether git kept a group's bits.
  await execute('tar', [...reproducible, '--mode=u=rwX,go=rX', '-C', root, '-cf', archive, '.'])
  return archive
}
