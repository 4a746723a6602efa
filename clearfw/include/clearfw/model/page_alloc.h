/* SPDX-License-Identifier: MIT */
/*
 * The alloc and free paths of mm/page_alloc.c (7.3) as far as they surround a clear: post_alloc_hook() is
 * inline and __free_pages_prepare() __always_inline, so that each is expanded in every caller. The unit that
 * includes this defines model_init_on_alloc(), model_init_on_free() and model_init_on_vmalloc().
 */
#ifndef CLEARFW_MODEL_PAGE_ALLOC_H
#define CLEARFW_MODEL_PAGE_ALLOC_H

#define __GFP_ZERO 0x100u

void kernel_unpoison_pages(struct page *page, unsigned int npages);
void kernel_poison_pages(struct page *page, unsigned int npages);
bool kasan_unpoison_pages(struct page *page, unsigned int order, bool init);
bool kasan_poison_pages(struct page *page, unsigned int order, bool init);
bool free_page_is_bad(struct page *page);

static __always_inline bool want_init_on_free(void)
{
	return model_static_branch();
}

static __always_inline bool want_init_on_alloc(gfp_t gfp)
{
	return model_static_branch() || gfp & __GFP_ZERO;
}

static __always_inline void model_post_alloc_hook(struct page *page, unsigned int order, gfp_t gfp)
{
	bool init = !want_init_on_free() && want_init_on_alloc(gfp);

	page->private = 0;
	page->refcount = 1;
	if (model_static_branch())
		kernel_unpoison_pages(page, 1u << order);
	if (IS_ENABLED(CONFIG_KASAN) && kasan_unpoison_pages(page, order, init) && IS_ENABLED(CONFIG_KASAN_HW_TAGS))
		init = false;
	if (init)
		model_init_on_alloc(page, 1 << order);
}

static __always_inline bool model_free_pages_prepare(struct page *page, unsigned int order)
{
	bool init = want_init_on_free();

	page->mapping = NULL;
	if (model_static_branch() && free_page_is_bad(page))
		return false;
	page->private = 0;
	if (model_static_branch())
		kernel_poison_pages(page, 1u << order);
	if (IS_ENABLED(CONFIG_KASAN) && kasan_poison_pages(page, order, init) && IS_ENABLED(CONFIG_KASAN_HW_TAGS))
		init = false;
	if (init)
		model_init_on_free(page, 1 << order);
	return true;
}

/* A caller: what it does before and after is its own, or the compiler would merge it with the next. */
#define MODEL_ALLOC_SITE(name)                                       \
	struct page *model_before_##name(unsigned int order, gfp_t gfp); \
	void model_after_##name(struct page *page);                  \
	struct page *name(unsigned int order, gfp_t gfp)             \
	{                                                            \
		struct page *page = model_before_##name(order, gfp); \
                                                                     \
		if (!page)                                           \
			return NULL;                                 \
		model_post_alloc_hook(page, order, gfp);             \
		model_after_##name(page);                            \
		return page;                                         \
	}

#define MODEL_FREE_SITE(name)                                              \
	void model_after_##name(struct page *page, unsigned int order);    \
	bool name(struct page *page, unsigned int order)                   \
	{                                                                  \
		if (!model_free_pages_prepare(page, order))                \
			return false;                                      \
		model_after_##name(page, order);                           \
		return true;                                               \
	}

/* mm/kasan/hw_tags.c:__kasan_unpoison_vmalloc() calls init_vmalloc_pages() where vmalloc is not tagged. */
#define MODEL_VMALLOC_SITE(name)                                           \
	void model_after_##name(const void *start, unsigned long size);    \
	void name(const void *start, unsigned long size, unsigned int flags) \
	{                                                                  \
		if (flags & 1)                                             \
			model_init_on_vmalloc(start, size);                \
		model_after_##name(start, size);                           \
	}

#endif
