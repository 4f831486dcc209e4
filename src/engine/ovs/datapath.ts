import { EngineError } from '../../model/errors.ts'
import { runProgram, type ProgramOptions } from '../process.ts'

/**
 * Whether the kernel has Open vSwitch's datapath: it registers the generic netlink family `ovs_datapath`. The database
 * lists the type `system` on every kernel, so it cannot tell.
 */
export const kernelDatapath = async (options: ProgramOptions): Promise<boolean> => {
  const registered = async (): Promise<boolean> => {
    const { code } = await runProgram('genl', ['ctrl', 'get', 'name', 'ovs_datapath'], options)
    return code === 0
  }
  if (await registered()) return true
  try {
    const { code } = await runProgram('modprobe', ['-q', 'openvswitch'], options)
    return code === 0 && (await registered())
  } catch (error) {
    if (error instanceof EngineError && error.code === 'CANCELLED') throw error
    return false // no modprobe on this host
  }
}
