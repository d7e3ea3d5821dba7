/** Trees with deep directories, hard links, holes, attributes and ACLs, carried by tar and rsync and compared. */
import { sh, shNow, type Place, type Role } from './role.ts'

const make = (i: number) => `
  rm -rf tree out copy all.tar && mkdir tree && cd tree
  path=.; for n in $(seq 40); do path=$path/deep-$n; done; mkdir -p $path && echo ${i} > $path/bottom
  mkdir d && for n in $(seq 60); do seq $n $((n + ${i % 300})) > d/file-$n; done
  for n in 1 2 3 4 5; do ln d/file-$n d/hard-$n; ln -s ../d/file-$n d/soft-$n; done
  truncate -s 3M d/sparse && echo end >> d/sparse && mkfifo d/fifo
  setfattr -n user.round -v ${i} d/file-7 && setfacl -m u:4003:rw d/file-8 && setfacl -d -m g:4003:rx d
  touch -d '2001-02-03 04:05:06.123456789' d/file-9 && chmod 4750 d/file-10 && mv d e && mv e/file-11 .
  cd ..`

const carry = `
  tar cf all.tar --xattrs --acls --sparse tree && mkdir out && tar xf all.tar --xattrs --acls -C out
  rsync -aHAX --checksum tree/ copy/
  [ -z "$(rsync -aHAXi --checksum tree/ copy/)" ] && [ -z "$(rsync -aHAXi --checksum tree/ out/tree/)" ]
  cmp tree/e/sparse copy/e/sparse && cp --reflink=auto --sparse=always tree/e/sparse copied && cmp tree/e/sparse copied
  rm -rf tree out copy all.tar copied`

export const trees = (user: number): Role => ({
  name: 'trees',
  user,
  needs: ['tar', 'rsync', 'setfacl', 'setfattr'],
  round: async ({ directory }, i) => void (await sh(directory, make(i) + carry)),
  mend: ({ directory }: Place) => void shNow(directory, 'rm -rf tree out copy all.tar copied'),
  check: () => ({ checked: 0, lost: [] }),
})
