import { readlink } from 'node:fs/promises'
import { z } from 'zod'
import type { IpTool } from './ip.ts'

/** Which network namespace a container's process is in, and under which number the switches' namespace knows it. */
export interface Namespaces {
  /** Name of the namespace of a process, unique while it lives; undefined when the process is gone. */
  of(pid: number): Promise<string | undefined>
  /** Number of a process's namespace, as far as known. */
  known(pid: number, name: string): number | undefined
  learn(pid: number, name: string, nsid: number): void
  /** Looks up the numbers of these processes' namespaces. One that has no device paired with ours has no number. */
  lookUp(processes: readonly { readonly pid: number; readonly name: string }[]): Promise<void>
}

const listSchema = z.object({ namespaces: z.array(z.object({ ns: z.number(), netnsid: z.string() })) })

export const createNamespaces = (ip: IpTool): Namespaces => {
  // The kernel gives a namespace the same number for as long as it lives, and numbers and inodes anew after that. So what
  // was learned is kept by process and inode together.
  const numbers = new Map<number, { readonly name: string; readonly nsid: number }>()
  return {
    of: (pid) => readlink(`/proc/${pid}/ns/net`).catch(() => undefined),
    known(pid, name) {
      const entry = numbers.get(pid)
      return entry?.name === name ? entry.nsid : undefined
    },
    learn(pid, name, nsid) {
      numbers.set(pid, { name, nsid })
    },
    async lookUp(processes) {
      if (processes.length === 0) return
      const stdout = await ip.must('lsns', ['-t', 'net', '-J', '-o', 'NS,NETNSID'])
      const byName = new Map(
        listSchema.parse(JSON.parse(stdout)).namespaces.map(({ ns, netnsid }) => [`net:[${ns}]`, Number(netnsid)]),
      )
      for (const [pid, { name }] of numbers) if (!byName.has(name)) numbers.delete(pid)
      for (const { pid, name } of processes) {
        const nsid = byName.get(name)
        if (nsid !== undefined && Number.isInteger(nsid)) numbers.set(pid, { name, nsid }) // else "unassigned"
      }
    },
  }
}
