// What a colour means, said in words too. Pure.

export const condition = (object, type) => object.status.conditions?.find((each) => each.type === type)

/** Whether a condition says that something is wrong: for some, True is the bad answer. */
export const isWrong = ({ type, status }) =>
  ['Stalled', 'Drifted'].includes(type) ? status === 'True' : type !== 'Reconciling' && status !== 'True'

/** Of an instance, a data center or a link between them: a word, and good, wait or bad. */
export const stateOf = (object) => {
  const ready = condition(object, 'Ready')
  const current = object.status.observedGeneration >= object.metadata.generation
  if (object.metadata.deletionTimestamp !== undefined) return { tone: 'wait', word: 'going away' }
  if (condition(object, 'Stalled')?.status === 'True') return { tone: 'bad', word: 'stalled' }
  const accepted = condition(object, 'Accepted')
  if (accepted?.status === 'False') return { tone: 'bad', word: accepted.reason === 'FileMissing' ? 'held' : 'refused' }
  if (object.spec.suspend === true) return { tone: 'wait', word: 'suspended' }
  if (ready?.status === 'True' && current) return { tone: 'good', word: 'ready' }
  if (ready?.reason === 'Stopped' && current) return { tone: 'good', word: 'stopped' }
  if (condition(object, 'Reconciling')?.status === 'True' || !current) return { tone: 'wait', word: 'being changed' }
  return { tone: 'bad', word: 'not ready' }
}

export const functionTone = ({ container, problem }) =>
  container?.state === 'running' ? (problem === undefined ? 'good' : 'wait') : 'bad'

export const linkTone = ({ chained }) => (chained ? 'good' : 'bad')

export const functionName = ({ vnfId, vdu, replica }) =>
  `${vnfId}${vdu === undefined ? '' : `.${vdu}`}${replica === 0 ? '' : ` #${replica}`}`

/** `3 functions`, `1 link`. */
export const counted = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`
