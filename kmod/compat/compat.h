/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compat.h - differences between the kernels we build for. Included before
 * everything else by Kbuild; FT_HAVE_* come from compat/probe.
 */
#ifndef _FT_COMPAT_H
#define _FT_COMPAT_H

#ifndef FT_PROBED
#error "compat/probe found no working kernel build; its message is above"
#endif

#endif /* _FT_COMPAT_H */
