import { type LinkId, must, parseLinkId } from '../model/names.ts'
import type { VirtualLink } from '../model/package.ts'
import { shortHash } from './hash.ts'
import { type Notice, notice } from './result.ts'

/** Text made here from checked parts; one that grew too long is cut and told apart by a hash. */
export const linkId = (text: string): LinkId => {
  const short = text.length <= 256 ? text : `${text.slice(0, 240)}-${shortHash(12, text)}`
  return must(parseLinkId(short), short)
}

/** Gives each link an id of its own: the second of the same id becomes `ID#2`. */
export const distinctLinks = (
  links: readonly VirtualLink[],
): { readonly links: readonly VirtualLink[]; readonly notices: readonly Notice[] } => {
  const notices: Notice[] = []
  const taken = new Set<string>()
  const distinct = links.map((link) => {
    let id = link.id
    for (let count = 2; taken.has(id); count += 1) id = linkId(`${link.id}#${count}`)
    taken.add(id)
    if (id === link.id) return link
    notices.push(
      notice(
        'DUPLICATE_LINK_ID',
        `${link.file}:${link.line}: link id ${link.id} occurs twice, this one goes by ${id}.`,
      ),
    )
    return { ...link, id }
  })
  return { links: distinct, notices }
}
