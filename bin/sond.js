#!/bin/sh
':' //; . "$(dirname -- "$(readlink -f -- "$0")")/launch.sh" # a shell reads this line and execs Node; Node sees a string

import { launch } from './launch.js'

await launch('main')
