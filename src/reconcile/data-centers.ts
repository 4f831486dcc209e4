import { implicitDataCenter } from '../desired/place.ts'
import type { DataCenter } from '../model/documents.ts'
import { objectKeyOf, type Catalog, type CatalogObject } from '../watch/types.ts'

/** The data center that is there while none is declared, as if a file defined it. */
export const implicitEntry: CatalogObject<DataCenter> = {
  key: objectKeyOf(implicitDataCenter),
  document: implicitDataCenter,
  source: { file: '(implicit)', line: 0 },
  generation: 1,
  createdAt: '',
  accepted: true,
  diagnostics: [],
}

/** Data centers as their users see them: those declared, else the implicit one, as soon as it is known that none is. */
export const dataCenterEntries = ({
  complete,
  dataCenters,
}: Pick<Catalog, 'complete' | 'dataCenters'>): readonly CatalogObject<DataCenter>[] =>
  complete && dataCenters.size === 0 ? [implicitEntry] : [...dataCenters.values()]
