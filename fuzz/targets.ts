import { engineTargets } from './targets/engines.ts'
import { openHttpTargets } from './targets/http.ts'
import { manifestTargets } from './targets/manifests.ts'
import { packageTargets } from './targets/packages.ts'
import { serviceTarget } from './targets/service.ts'
import { openStateTargets } from './targets/state.ts'
import type { OpenTargets } from './targets/target.ts'
import { wordTargets } from './targets/words.ts'

/** Every parser of what somebody else has written, in the order of the way in. */
export const openTargets = async (): Promise<OpenTargets> => {
  const [http, state] = [await openHttpTargets(), await openStateTargets()]
  return {
    targets: [
      ...(await packageTargets()),
      ...manifestTargets,
      serviceTarget(),
      ...http.targets,
      ...engineTargets,
      ...state.targets,
      ...wordTargets,
    ],
    close: async () => {
      await http.close()
      await state.close()
    },
  }
}
